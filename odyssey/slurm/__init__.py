"""What the study needs of SLURM beyond Snakemake's plugin: patience, limits, plain words."""

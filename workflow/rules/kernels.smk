# The fused kernels, built once ahead of all training jobs. What is declared says which library was
# built; the library itself lies in the cache, so that studies share it. ancient(): a rebuilt
# library repeats no training.

BUILT = f"{RESULTS}/kernels.json"
kernel_files = (
    [ancient(BUILT)] if STUDY.kernels == "fused" and STUDY.fused_variants else []
)


rule build_kernels:
    """Compile the study's variants for every instruction set a node may have."""
    output:
        BUILT,
    log:
        f"{LOGS}/build_kernels.log",
    priority: 1  # all training waits for it, and it uses all cores; preparation need not be first
    conda:
        "../envs/odyssey.yaml"
    threads: 4
    message:
        "Building the fused kernels of {STUDY.variants}"
    script:
        "../../scripts/build_kernels.py"

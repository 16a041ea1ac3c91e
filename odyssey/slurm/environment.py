"""Variables that speak to SLURM's commands, and which of them the study's jobs may see.

Inside a job SLURM sets SLURM_CPUS_PER_TASK, SLURM_MEM_PER_NODE and many more, and a user may have
SBATCH_GRES, SBATCH_WAIT or SCANCEL_INTERACTIVE in a start-up file: each would be added to what a
job of the study asks for, or stop a command. Kept is what says where SLURM is and whose jobs these
are.
"""

from collections.abc import MutableMapping

SPEAK_TO_SLURM = (
    *("SLURM_", "SLURMD_", "SBATCH_", "SRUN_", "SALLOC_"),
    *("SQUEUE_", "SINFO_", "SACCT_", "SCANCEL_", "SCONTROL_"),
)
KEPT = frozenset(
    {
        *("SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT", "SLURM_DEBUG_FLAGS"),
        *("SBATCH_ACCOUNT", "SBATCH_PARTITION", "SBATCH_QOS", "SBATCH_RESERVATION"),
        *("SBATCH_CLUSTERS", "SBATCH_CONSTRAINT", "SBATCH_WCKEY", "SBATCH_NETWORK"),
    }
)


def clean(environment: MutableMapping[str, str]) -> list[str]:
    """Remove what must not reach the study's jobs; return the names, sorted."""
    removed = sorted(
        name for name in environment if name.startswith(SPEAK_TO_SLURM) and name not in KEPT
    )
    for name in removed:
        del environment[name]
    return removed

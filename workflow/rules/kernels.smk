# The fused kernels, built once ahead of all training jobs. What is declared says which library was
# built; the library itself lies in the cache, so that studies share it. ancient(): a rebuilt
# library repeats no training.

BUILT = f"{RESULTS}/kernels.json"
kernel_files = (
    [ancient(BUILT)] if STUDY.kernels == "fused" and STUDY.fused_variants else []
)


def on_this_machine():
    """Return whether all jobs run here, where other processors' instruction sets are of no use."""
    return workflow.local_exec and not workflow.remote_exec


rule build_kernels:
    """Compile the study's variants for this processor, or for every one that a node may have."""
    output:
        BUILT,
    log:
        f"{LOGS}/build_kernels.log",
    priority: 1  # all training waits for it
    conda:
        "../envs/odyssey.yaml"
    threads: 4
    resources:
        # Not a parameter: where it changes, start.smk builds what is missing.
        instruction_sets=lambda wildcards: "own" if on_this_machine() else "all",
    message:
        "Building the fused kernels of {STUDY.variants}"
    script:
        "../../scripts/build_kernels.py"

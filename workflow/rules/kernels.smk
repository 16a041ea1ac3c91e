# The fused kernels, built once ahead of all training jobs. What is declared says which library was
# built; the library itself lies in the cache, so that studies share it. ancient(): a rebuilt
# library repeats no training.

from odyssey.ahead import NotReady, make_ready

BUILT = f"{RESULTS}/kernels.json"
kernel_files = [ancient(BUILT)] if STUDY.kernels == "fused" else []


onstart:
    # Sources or variants may be others than in the last run. Were that a reason for the rule to run
    # again, Snakemake 9.27.1 would run it alone and call the study done: behind an ancient() file it
    # does not look for what else is missing.
    try:
        make_ready(STUDY, Path(BUILT), logger.info)
    except NotReady as error:
        raise WorkflowError(str(error))


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

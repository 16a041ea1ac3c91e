# The fused kernels, built once ahead of all training jobs. What is declared says which library was
# built; the library itself lies in the cache, so that studies share it. ancient(): a rebuilt
# library repeats no training.

from odyssey.kernels.build import source_key

BUILT = f"{RESULTS}/kernels.json"
kernel_files = [ancient(BUILT)] if STUDY.kernels == "fused" else []


rule build_kernels:
    """Compile the study's variants for every instruction set a node may have."""
    output:
        BUILT,
    log:
        f"{LOGS}/build_kernels.log",
    conda:
        "../envs/odyssey.yaml"
    threads: 4
    params:
        sources=source_key(),
        variants=STUDY.variants,
    message:
        "Building the fused kernels of {params.variants}"
    script:
        "../../scripts/build_kernels.py"

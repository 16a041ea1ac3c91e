rule prepare:
    """Read a task's corpus and write its features, targets and sets to one file.

    Its input is no file: every graph comes by here while it is built, and what is outdated is
    forced then. Snakemake alone would not notice: its metadata are lost when results are copied or
    another profile is used, and what is missing behind a file that is there it does not look for.
    """
    input:
        lambda wildcards: (
            UPKEEP.force(workflow.dag.forcefiles, logger.info)
            if workflow.is_main_process
            else []
        ),
    output:
        STUDY.data_path("{task}"),
    log:
        f"{LOGS}/prepare/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    params:
        # Not an input: a corpus may be a folder or a package. A change here prepares anew.
        data=lambda wildcards: STUDY.data_options(wildcards.task),
        version=lambda wildcards: STUDY.data_version(wildcards.task),
    message:
        "Preparing the data of {wildcards.task}"
    script:
        "../../scripts/prepare.py"

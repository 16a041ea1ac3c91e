from odyssey.tasks import DATA_VERSION


rule prepare:
    """Read a task's corpus and write its features, targets and sets to one file."""
    output:
        STUDY.data_path("{task}"),
    log:
        f"{LOGS}/prepare/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    params:
        # Not an input: a corpus may be a folder or a package. A change here prepares anew.
        data=lambda wildcards: STUDY.data_options(wildcards.task),
        version=DATA_VERSION,
    message:
        "Preparing the data of {wildcards.task}"
    script:
        "../../scripts/prepare.py"

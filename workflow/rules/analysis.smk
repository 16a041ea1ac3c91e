# What the trials say, task by task: one more block renews its own task's analysis alone.


rule run_fanova:
    """Decompose the variance of error and time: which hyperparameter explains how much."""
    input:
        f"{RESULTS}/{{task}}/trials.csv",
    output:
        f"{RESULTS}/fanova/{{task}}.json",
    log:
        f"{LOGS}/run_fanova/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    threads: STUDY.threads_per_job
    params:
        analysis=config["analysis"],
        search=lambda wildcards: STUDY.search_fingerprint(wildcards.task),
    message:
        "fANOVA of {wildcards.task}"
    script:
        "../../scripts/run_fanova.py"


rule compare_variants:
    """Compare every variant's trials with vanilla's: Welch, Bonferroni and beyond."""
    input:
        f"{RESULTS}/{{task}}/trials.csv",
    output:
        f"{RESULTS}/comparison/{{task}}.json",
    log:
        f"{LOGS}/compare_variants/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    params:
        analysis=config["analysis"],
    message:
        "Comparing the variants on {wildcards.task}"
    script:
        "../../scripts/compare_variants.py"


rule compare_with_paper:
    """Say how far the trials are from the paper's figures 3, 4 and 5, where they compare."""
    input:
        trials=f"{RESULTS}/{{task}}/trials.csv",
        data=STUDY.data_path("{task}"),
    output:
        f"{RESULTS}/paper/{{task}}.json",
    log:
        f"{LOGS}/compare_with_paper/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    params:
        analysis=config["analysis"],
    message:
        "Comparing {wildcards.task} with the paper"
    script:
        "../../scripts/compare_with_paper.py"

rule aggregate_trials:
    """Join a task's blocks into two tidy tables: one row per trial, one row per epoch."""
    input:
        lambda wildcards: STUDY.block_paths(wildcards.task),
    output:
        trials=f"{RESULTS}/{{task}}/trials.csv",
        curves=f"{RESULTS}/{{task}}/curves.csv",
    log:
        f"{LOGS}/aggregate_trials/{{task}}.log",
    conda:
        "../envs/odyssey.yaml"
    message:
        "Joining the blocks of {wildcards.task} into {output.trials}"
    script:
        "../../scripts/aggregate_trials.py"

rule aggregate_trials:
    """Join all blocks into two tidy tables: one row a trial, one row an epoch."""
    input:
        [path for task in STUDY.tasks for path in STUDY.block_paths(task)],
    output:
        trials=f"{RESULTS}/trials.csv",
        curves=f"{RESULTS}/curves.csv",
    log:
        f"{LOGS}/aggregate_trials.log",
    conda:
        "../envs/odyssey.yaml"
    message:
        "Joining all blocks into {output.trials}"
    script:
        "../../scripts/aggregate_trials.py"

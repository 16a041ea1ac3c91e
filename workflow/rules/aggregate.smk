rule aggregate_trials:
    """Join a task's blocks into two tidy tables: one row a trial, one row an epoch."""
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


rule join_trials:
    """Join the tables of all tasks, for whoever wants one."""
    input:
        expand(f"{RESULTS}/{{task}}/trials.csv", task=STUDY.tasks),
    output:
        f"{RESULTS}/trials.csv",
    log:
        f"{LOGS}/join_trials.log",
    conda:
        "../envs/odyssey.yaml"
    message:
        "Joining the tables of all tasks into {output}"
    script:
        "../../scripts/join_trials.py"

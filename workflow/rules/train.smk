import signal

from odyssey.runs.plan import memory, time_limit

# SLURM's warning before a time limit is for the trials: Snakemake must live on until they are saved.
signal.signal(signal.SIGUSR1, signal.SIG_IGN)


rule train_trials:
    """Train a block of consecutive trials of one search; only this rule imports MXNet.

    Each trial keeps a file under trials/ that Snakemake does not know: a checkpoint, then the
    result. So a killed or repeated job trains no more than what is missing.
    """
    input:
        # A block is of these data by their content, whatever the files' times say.
        data=lambda wildcards: (
            ancient(STUDY.data_path(wildcards.task))
            if workflow.is_main_process
            and UPKEEP.is_current(STUDY.block_path(**wildcards))
            else STUDY.data_path(wildcards.task)
        ),
        kernels=lambda wildcards: (
            kernel_files if STUDY.device(wildcards.task) == "cpu" else []
        ),
    output:
        STUDY.block_path("{task}", "{variant}", "{first}", "{last}"),
    log:
        f"{LOGS}/train/{{task}}/{{variant}}/{{first}}-{{last}}.log",
    conda:
        "../envs/odyssey.yaml"
    threads: STUDY.threads_per_job
    resources:
        gpu=lambda wildcards: int(STUDY.device(wildcards.task) == "gpu"),
        tasks_per_gpu=0,  # else --ntasks-per-gpu, which SLURM refuses beside --cpus-per-task
        resumes=1,  # odyssey/slurm: a job that meets a cut time limit goes on in a new one
        mem_mb=lambda wildcards, threads, attempt: attempt * memory(threads),
        runtime=lambda wildcards, threads, attempt: time_limit(
            STUDY,
            STUDY.at_a_time(wildcards.task, threads),
            attempt,
            **dict(wildcards.items()),
        ),
    params:
        results_version=RESULTS_VERSION,
        search=lambda wildcards: STUDY.search_fingerprint(wildcards.task),
    message:
        "Training trials {wildcards.first} to {wildcards.last} of {wildcards.variant} on {wildcards.task}"
    script:
        "../../scripts/train_trials.py"

# On SLURM Snakemake's plugin waits for ever where an account is wrong and gives up where SLURM is
# only busy: odyssey/slurm mends that, for the run's main process. ODYSSEY_SLURM=plain leaves it out.

import os

if workflow.is_main_process and os.environ.get("ODYSSEY_SLURM") != "plain":
    import snakemake_executor_plugin_slurm
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    from odyssey.slurm.executor import careful

    slurm_plugin = ExecutorPluginRegistry().get_plugin("slurm")
    slurm_plugin.executor = careful(snakemake_executor_plugin_slurm)

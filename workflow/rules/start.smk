# Before the first job of a run, and after the last. Snakemake knows one handler of each.

import sys

from odyssey.checks.ahead import NotReady, make_ready
from odyssey.runs.turn import take_turn

# What a person at a terminal sees instead of Snakemake's words, which .snakemake/log keeps.
VIEWS = []


onstart:
    if " " in sys.executable and not on_this_machine():
        raise WorkflowError(
            "Jobs on SLURM can't start a Python whose path has blanks, as has "
            f"{sys.executable}: move the checkout"
        )
    # A report on what is there so far disturbs nobody.
    if set(workflow.dag_settings.targets) != {"partial_report"}:
        if take_turn(STUDY.results / "snakemake.lease", logger.warning):
            # What there was to do, another Snakemake has done: look again, with the same command.
            logger.warning(
                "The other run has ended: starting again with what it left."
            )
            os.chdir(workflow.workdir_init)
            os.execv(sys.executable, sys.orig_argv)
        for words in STUDY.without_factors():
            logger.info(words)
        UPKEEP.no_times_ahead()
        # Were outdated kernels a reason for their rule to run again, Snakemake 9.27.1 would run it
        # alone and call the study done: behind an ancient() file it does not look for what else is
        # missing.
        try:
            make_ready(STUDY, Path(BUILT), logger.info, on_this_machine())
        except NotReady as error:
            raise WorkflowError(str(error))
    if (
        workflow.dag_settings.forceall
        or "train_trials" in workflow.dag_settings.forcerun
    ):
        logger.warning(
            "Forced, but finished trials are read, not trained anew: to train them anew, "
            f"remove their files under {RESULTS}/trials first"
        )
    if (
        on_this_machine()
        and sys.stderr.isatty()
        and not workflow.output_settings.verbose
    ):
        from odyssey.views.run import RunView

        VIEWS.append(RunView(STUDY))
        VIEWS[0].start(logger)


onsuccess:
    for view in VIEWS:
        view.stop()
    if set(workflow.dag_settings.targets) <= {"all"}:
        from odyssey.analysis.report.closing import closing_words

        print(closing_words(STUDY, workflow.configfiles), file=sys.stderr)


onerror:
    for view in VIEWS:
        view.stop()
    from odyssey.views.progress import print_failures

    print_failures(STUDY)

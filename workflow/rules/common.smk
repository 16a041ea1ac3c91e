# What all rules share: the study, what a wildcard may be, which files are another study's.

import os
import re
import sys

from odyssey.products import Upkeep
from odyssey.study import RESULTS_VERSION, check_config_files, load_study
from odyssey.turn import take_turn

# Not workflow.basedir: as a module it is the user's.
WORKFLOW = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent
check_config_files(map(Path, workflow.configfiles))
STUDY = load_study(config, WORKFLOW / "schemas" / "config.schema.yaml")
RESULTS = str(STUDY.results)
LOGS = f"{RESULTS}/logs"
UPKEEP = Upkeep(STUDY)


wildcard_constraints:
    task="|".join(STUDY.tasks),
    variant="|".join(re.escape(variant) for variant in STUDY.variants),
    first=r"\d+",
    last=r"\d+",


onstart:
    # A report on what is there so far disturbs nobody.
    if set(workflow.dag_settings.targets) != {"partial_report"}:
        if take_turn(STUDY.results / "snakemake.lease", logger.warning):
            # What there was to do, another Snakemake has done: look again, with the same command.
            logger.warning(
                "The other run has ended: starting again with what it left."
            )
            os.chdir(workflow.workdir_init)
            os.execv(sys.executable, sys.orig_argv)
        UPKEEP.no_times_ahead()
    if workflow.dag_settings.forceall or "train_trials" in workflow.dag_settings.forcerun:
        logger.warning(
            f"Forced, but finished trials are read, not trained anew: to train them anew, "
            f"remove their files under {RESULTS}/trials first"
        )


onerror:
    from odyssey.progress_view import print_failures

    print_failures(STUDY)

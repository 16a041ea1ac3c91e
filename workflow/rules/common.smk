# What all rules share: the study, and what a wildcard may be.

import re

from odyssey.study import JUDGEMENT_VERSION, RESULTS_VERSION, load_study

STUDY = load_study(config, Path(workflow.basedir, "schemas", "config.schema.yaml"))
RESULTS = str(STUDY.results)
LOGS = f"{RESULTS}/logs"


wildcard_constraints:
    task="|".join(STUDY.tasks),
    variant="|".join(re.escape(variant) for variant in STUDY.variants),
    first=r"\d+",
    last=r"\d+",


onerror:
    from odyssey.progress_view import print_failures

    print_failures(STUDY)

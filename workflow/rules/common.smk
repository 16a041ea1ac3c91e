# What all rules share: the study, and what a wildcard may be.

import os
import re

import odyssey
from snakemake.exceptions import WorkflowError

BESIDE = Path(workflow.basedir).parent / "odyssey" / "__init__.py"
if os.environ.get("PYTHONPATH") and BESIDE.exists():
    if not BESIDE.samefile(odyssey.__file__):
        raise WorkflowError(
            f"Python finds {odyssey.__file__}, not the package beside this workflow: "
            "unset PYTHONPATH"
        )

from odyssey.study import RESULTS_VERSION, load_study

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

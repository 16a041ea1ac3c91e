# What all rules share: the study, what a wildcard may be, which files are another study's.

import os
import re
import sys

import odyssey
from snakemake.exceptions import WorkflowError

# Not workflow.basedir: as a module it is the user's.
WORKFLOW = Path(workflow.current_basedir.get_path_or_uri(secret_free=False)).parent
BESIDE = WORKFLOW.parent / "odyssey" / "__init__.py"
if os.environ.get("PYTHONPATH") and BESIDE.exists():
    if not BESIDE.samefile(odyssey.__file__):
        raise WorkflowError(
            f"Python finds {odyssey.__file__}, not the package beside this workflow: "
            "unset PYTHONPATH"
        )

from odyssey.runs.products import Upkeep
from odyssey.storage.paths import ForShell
from odyssey.study.study import RESULTS_VERSION, check_config_files, load_study

# Snakemake 9.27.1 starts scripts by this path as it is, which may have blanks.
sys.executable = ForShell(sys.executable)
check_config_files(map(Path, workflow.configfiles))
STUDY = load_study(config, WORKFLOW / "schemas" / "config.schema.yaml")
RESULTS = str(STUDY.results)
LOGS = f"{RESULTS}/logs"
UPKEEP = Upkeep(STUDY)


def on_this_machine():
    """Return whether all jobs run here, where other processors' instruction sets are of no use."""
    return workflow.local_exec and not workflow.remote_exec


wildcard_constraints:
    task="|".join(STUDY.tasks),
    variant="|".join(re.escape(variant) for variant in STUDY.variants),
    first=r"\d+",
    last=r"\d+",

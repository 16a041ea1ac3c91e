"""What takes longest: which files begin, which tests are left out in haste, what a run says.

A worker that gets a long file last keeps all others waiting, so the longest come first.
"""

import os
from collections import Counter
from pathlib import Path

from benchmarks.private_slurm import missing

TESTS = Path(__file__).parents[1]
#: Core seconds of a file on the slower of the machines that it was measured on; most of the first
#: two is waiting for SLURM. Files that are not here take less than five.
SECONDS = {
    "slurm/test_slurm.py": 600,
    "slurm/test_slurm_oddities.py": 500,
    "workflow/test_workflow.py": 110,
}
#: Tests of other files that take more than two seconds, or compile.
SLOW = {
    "engines/test_evaluation.py": ["test_other_instruction_sets_have_them_too"],
    "engines/test_kernels.py": ["test_instruction_sets_agree"],
    "engines/test_kernels_interface.py": ["test_the_core_needs_no_framework"],
}
#: A run that took less says nothing.
_MENTIONED = 30.0


def place_of(item):
    """Return a test's file below tests/."""
    return item.path.relative_to(TESTS).as_posix()


def is_slow(item):
    """Return whether a test is of a long file, slow by itself, or of an emulated GPU."""
    place = place_of(item)
    own = item.originalname in SLOW.get(place, ())
    return place in SECONDS or own or "[gpu" in item.nodeid


def longest_first(items):
    """Sort tests by what their file takes; those of a file stay together and in their order."""
    items.sort(key=lambda item: -SECONDS.get(place_of(item), 0))


def workers(config):
    """Return a worker for each core, and one for each file that waits for a SLURM, if it runs."""
    waiting = 0 if missing() or config.option.markexpr else 2
    return len(os.sched_getaffinity(0)) + waiting


def files_by_time(reports):
    """Return lines: the ten files that took longest, with their seconds and their share."""
    seconds = Counter()
    for report in reports:
        seconds[report.nodeid.partition("::")[0]] += report.duration
    whole = sum(seconds.values())
    if whole < _MENTIONED:
        return []
    return [f"{each:7.1f} s {each / whole:6.1%}  {file}" for file, each in seconds.most_common(10)]

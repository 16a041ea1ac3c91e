"""What is checked and built in the main process, ahead of the jobs of a run.

A study of hours must not die at its figures, nor each trial by itself for want of a library.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from odyssey.checks.software import check_analysis, check_mxnet
from odyssey.engines.fused import KernelError, build, forced_set, is_missing, is_outdated
from odyssey.study.study import Study


class NotReady(Exception):
    """This machine can't run the study; the message is one line."""


def make_ready(
    study: Study, declared: Path, say: Callable[[str], object], here: bool = False
) -> None:
    """Check what training and analysis need, and build the kernels that ``declared`` names.

    The rule build_kernels makes ``declared``. Kernels are built anew if sources or variants are
    others, or if the library is gone: for every processor, or only for this one. ``here`` they are
    built at once, beside the checks. Raises NotReady.
    """
    if not _trains(study):
        return
    with ThreadPoolExecutor() as pool:  # each waits for other processes
        checks = [pool.submit(check) for check in (check_analysis, check_mxnet)]
        if study.kernels == "fused" and any(study.device(task) == "cpu" for task in study.tasks):
            try:
                _renew_kernels(study, declared, say, here)
            except KernelError as error:
                raise NotReady(str(error)) from error
    for row in (check.result() for check in checks):
        if row.state == "fail":
            raise NotReady(f"{row.name}: {row.text}. `odyssey doctor` checks everything")


def _renew_kernels(study: Study, declared: Path, say: Callable[[str], object], here: bool) -> None:
    forced_set()  # its name must be right; whether a node has it, the node says
    variants = study.fused_variants
    if not variants or not (here or declared.exists()):
        return
    reason = ""
    if not declared.exists():
        reason = "this takes about a minute"
    elif is_outdated(declared, variants):
        reason = "anew: sources or variants are others"
    elif is_missing(variants, here):
        reason = f"anew: {declared} is there, its library is gone or of other processors"
    if reason:
        say(f"Building the fused kernels; {reason}")
        library = build(variants, here=here)
        for refused in library.left_out.values():
            say(f"One instruction set is left out: {refused}")
        if declared.exists():
            library.declare(declared)


def _trains(study: Study) -> bool:
    return any(not path.exists() for task in study.tasks for path in study.block_paths(task))

"""What is checked and built in the main process, ahead of the jobs of a run.

A study of hours must not die at its figures, nor each trial by itself for want of a library.
"""

from collections.abc import Callable
from pathlib import Path

from odyssey.checks.software import check_analysis, check_mxnet
from odyssey.engines.fused import KernelError, build, forced_set, is_missing, is_outdated
from odyssey.networks.cells import get_cell
from odyssey.study.study import Study


class NotReady(Exception):
    """This machine can't run the study; the message is one line."""


def make_ready(study: Study, declared: Path, say: Callable[[str], object]) -> None:
    """Check what training and analysis need, and build the kernels that ``declared`` names.

    The rule build_kernels makes ``declared``; here they are built anew if sources or variants are
    others, or if the library is gone. Raises NotReady.
    """
    if not _trains(study):
        return
    for check in (check_analysis, check_mxnet):
        row = check()
        if row.state == "fail":
            raise NotReady(f"{row.name}: {row.text}. `odyssey doctor` checks everything")
    if study.kernels == "fused" and any(study.device(task) == "cpu" for task in study.tasks):
        try:
            _renew_kernels(study, declared, say)
        except KernelError as error:
            raise NotReady(str(error)) from error


def _renew_kernels(study: Study, declared: Path, say: Callable[[str], object]) -> None:
    forced_set()  # its name must be right; whether a node has it, the node says
    variants = [get_cell(code) for code in study.variants]
    if not declared.exists():
        return
    reason = ""
    if is_outdated(declared, variants):
        reason = "sources or variants are others"
    elif is_missing(variants):
        reason = f"{declared} is there, its library is gone"
    if reason:
        say(f"Building the fused kernels anew: {reason}")
        library = build(variants)
        for refused in library.left_out.values():
            say(f"One instruction set is left out: {refused}")
        library.declare(declared)


def _trains(study: Study) -> bool:
    return any(not path.exists() for task in study.tasks for path in study.block_paths(task))

"""Checks of the software: Python and its packages, compiler, MXNet, analysis, GPU.

What may end a process is tried in one of its own.
"""

import importlib.metadata
import importlib.util
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import odyssey
from odyssey.checks.check import Row, fail, ok, warn
from odyssey.engines.fused import KernelError, build
from odyssey.engines.fused.compiler import find_compiler
from odyssey.engines.fused.instructions import buildable_sets, chosen_sets, supported_sets
from odyssey.networks.cells import Cell
from odyssey.study.study import Study

_SECONDS = 300  # of a check in a process of its own: numba compiles for some fifteen


def check_python() -> Row:
    """Check the version of Python."""
    found = f"{platform.python_version()} in {sys.prefix}"
    if sys.version_info[:2] != (3, 11):
        return fail("Python", f"must be 3.11, where MXNet 1.9.1 ends, is {found}: make env")
    return ok("Python", found)


def check_packages() -> Iterator[Row]:
    """Check that pinned packages have their versions, and come from this environment."""
    wrong, strange = [], []
    for line in importlib.metadata.requires("odyssey") or ():
        pinned = re.match(r"([\w.-]+)==([\w.]+)$", line)
        if not pinned:
            continue
        name, version = pinned.groups()
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found = "not there"
        if found != version and name != "mxnet":  # its builds for GPUs have other names
            wrong.append(f"{name} must be {version}, is {found}")
    for name in ("numpy", "mxnet", "snakemake", "h5py", "matplotlib", "numba"):
        spec = importlib.util.find_spec(name)
        if spec and spec.origin and not spec.origin.startswith(sys.prefix):
            strange.append(f"{name} comes from {Path(spec.origin).parents[1]}")
    if wrong:
        yield fail("packages", f"{'; '.join(wrong)}: make env, or unset PYTHONPATH")
    elif strange:
        yield warn("packages", f"{'; '.join(strange)}, not from {sys.prefix}: unset PYTHONPATH")
    else:
        yield ok("packages", f"as pinned, all from {sys.prefix}")
    here, ours = Path("odyssey", "__init__.py"), Path(odyssey.__file__)
    if here.exists() and not here.samefile(ours):
        text = f"Python finds {ours.parent}, not the odyssey of this folder: unset PYTHONPATH"
        yield warn("odyssey", f"{text}, or pip install -e . here")


def check_compiler(study: Study | None = None) -> Iterator[Row]:
    """Check the compiler, and which instruction sets are built or can be."""
    variants = study.fused_variants if study else []
    needed = study is None or (study.kernels == "fused" and bool(variants))
    try:
        compiler = find_compiler()
        compiler.check()
    except KernelError as error:
        yield _without_compiler(str(error), needed, variants)
        return
    yield ok("compiler", str(compiler))
    refused = {name: reason for name in buildable_sets() if (reason := compiler.refusal(name))}
    for reason in refused.values():
        yield warn("instruction sets", f"one can't be built: {reason}")
    try:
        used = chosen_sets()[0]
    except KernelError as error:
        yield fail("instruction sets", str(error))
        return
    can = [name for name in buildable_sets() if name not in refused]
    yield ok(
        "instruction sets",
        f"{', '.join(can)} can be built; this processor has {', '.join(supported_sets())} and uses "
        f"{used}",
    )


def _without_compiler(reason: str, needed: bool, variants: list[Cell]) -> Row:
    try:
        library = build(variants)  # finds what is built, or says why not
    except KernelError:
        return (fail if needed else warn)("compiler", reason)
    return warn("compiler", f"{reason}; what this study needs is built, in {library.folder}")


def check_mxnet() -> Row:
    """Check that MXNet and its libraries load, and that it computes."""
    code = "from odyssey.engines.mx import mx; print(mx.__version__, mx.nd.ones(2).asnumpy().sum())"
    found, text = _in_a_process("-c", code)
    if found:
        return ok("MXNet", f"{text.split()[0]} loads and computes")
    return fail("MXNet", text)


def check_analysis() -> Row:
    """Check that fANOVA compiles and runs, and that a figure can be drawn."""
    found, text = _in_a_process("-m", "odyssey.analysis.probe")
    return ok("analysis", text) if found else fail("analysis", text)


def check_gpu(study: Study | None = None) -> Row:
    """Check the GPU: one line; a study without tasks on a GPU needs none."""
    from odyssey.engines.gpu.device import report

    text = "; ".join(" ".join(line.split()) for line in report())
    wants = [task for task in study.tasks if study.device(task) == "gpu"] if study else []
    if not text.startswith("no GPU"):
        return ok("GPU", text)
    if wants:
        whose = f"{', '.join(wants)} (`device: gpu`)"
        return warn("GPU", f"{whose} must train where there is one, here they can't: {text}")
    return ok("GPU", f"none, and this study needs none ({text})")


def _in_a_process(*arguments: str) -> tuple[bool, str]:
    """Return whether Python ended well with these arguments, and the last line that it wrote."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"could not be tried: {error}"
    said = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    if done.returncode < 0:
        return False, f"the process was killed by signal {-done.returncode}"
    return done.returncode == 0, said[-1] if said else f"exit {done.returncode}"

"""The house rules: who may import whom, and what a script, a rule and a Snakefile may be."""

import ast
import re
import sys

import pytest

from .conftest import ROOT

PACKAGE = ROOT / "odyssey"
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))

#: room → rooms that it may enter; tasks means the rows of tasks/__init__.py and their readers.
ARROWS = {
    "variants": set(),
    "spec": {"variants"},
    "search": set(),
    "paths": set(),
    "config_files": set(),
    "config_schema": set(),
    "hyperparameters": {"search", "spec"},
    "paper": {"search"},
    "units": set(),
    "files": set(),
    "check": set(),
    "mx": set(),
    "noise": set(),
    "training": {"noise"},
    "checkpoint": {"files"},
    "datasets": {"files"},
    "equations": {"spec", "variants"},
    "tasks": {"datasets", "spec", "variants"},
    "study": {
        *("config_files", "config_schema", "hyperparameters", "paths", "search", "spec", "tasks"),
        "variants",
    },
    "kernels": {"files", "mx", "noise", "spec", "training", "variants"},
    "gpu": {"kernels", "mx", "noise", "spec", "training", "variants"},
    "lease": {"files"},
    "stopping": set(),
    "network": {"gpu", "kernels", "mx", "noise", "spec", "training"},
    "results": {"checkpoint", "tasks"},
    "trial_file": {"checkpoint", "results", "training"},
    "trial": {
        *("datasets", "files", "lease", "network", "results", "spec", "stopping", "study", "tasks"),
        *("training", "trial_file"),
    },
    "progress": {"checkpoint", "files", "lease", "results", "study"},
    "progress_view": {"checkpoint", "progress", "results", "study", "tasks", "units"},
    "block": {"datasets", "gpu", "results", "stopping", "study", "trial"},
    "analysis": {
        *("checkpoint", "datasets", "paper", "results", "search", "study", "tasks", "units"),
        "variants",
    },
    "receipts": {"files"},
    "products": {"checkpoint", "datasets", "files", "receipts", "study", "tasks"},
    "turn": {"lease"},
    "software_checks": {"check", "gpu", "kernels", "study", "variants"},
    "machine_checks": {"check", "study"},
    "ahead": {"kernels", "software_checks", "study", "variants"},
    "plan": {"paper", "study", "tasks", "variants"},
    "plan_view": {"datasets", "paper", "plan", "study", "units"},
    "slurm": set(),
    "slurm_checks": {"check", "plan", "slurm", "study"},
}
FRONT_DOORS = {"cli", "doctor"}  # may import anything, inside its commands
STANDARD_LIBRARY_ONLY = (
    *("variants", "spec", "search", "hyperparameters", "paths", "files", "check", "receipts"),
    *("tasks/__init__", "tasks/tree", "kernels/build", "kernels/compiler", "kernels/instructions"),
    "paper/__init__",
)


def module_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(source):
    """All imported modules, with ``from package import name`` as package.name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_entered(path):
    for name in imports(path.read_text()):
        parts = name.split(".")
        if parts[0] == "odyssey" and parts[1:] not in ([], ["__version__"]):
            yield parts[1]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_imports_follow_the_arrows(path):
    room = module_of(path)
    if room in FRONT_DOORS or room == "__init__":
        return
    assert room in ARROWS, f"{room} has no arrows yet: add them here and to docs"
    assert set(rooms_entered(path)) - {room} <= ARROWS[room]


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_one_module_imports_mxnet(path):
    heads = {name.split(".")[0] for name in imports(path.read_text())}
    assert ("mxnet" in heads) == (path.name == "mx.py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_one_module_imports_matplotlib_and_one_numba(path):
    heads = {name.split(".")[0] for name in imports(path.read_text(encoding="utf-8"))}
    assert ("matplotlib" in heads) == (path.name == "mpl.py")
    assert ("numba" in heads) == (path.name == "compiled.py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_scripts_know_snakemake(path):
    assert not re.search(r"\bimport snakemake|\bsnakemake\.\w", path.read_text())


@pytest.mark.parametrize("module", STANDARD_LIBRARY_ONLY)
def test_light_modules_need_the_standard_library_only(module):
    heads = {name.split(".")[0] for name in imports((PACKAGE / f"{module}.py").read_text())}
    assert heads <= set(sys.stdlib_module_names) | {"odyssey"}


def test_the_workflow_imports_light_modules_only():
    for path in [ROOT / "workflow" / "Snakefile", *RULES]:
        # What is indented is imported at the end of a failed run only.
        entered = set(re.findall(r"^(?:from|import) odyssey\.(\w+)", path.read_text(), re.M))
        light = {"ahead", "plan", "products", "search", "slurm", "study", "tasks", "turn"}
        assert entered <= light, path.name


def text_without_encoding(source):
    """Lines of Python or Snakemake source that read or write text in the locale's encoding."""
    calls = r"\b(?:open|read_text|write_text|NamedTemporaryFile|basicConfig|FileHandler)\("
    calls += r"|\btext=True|\buniversal_newlines=|(?<![\w.])(?:locale\.)?getpreferredencoding\("
    for found in re.finditer(calls, source):
        start, depth = found.end(), 1
        while depth and found[0].endswith("("):
            depth += {"(": 1, ")": -1}.get(source[start], 0)
            start += 1
        call, before = source[found.start() : start], source[: found.start()]
        binary = re.search(r"""["'][rwax+]*b[rwax+]*["']""", call)
        other = call.startswith("open(") and re.search(
            r"\b(?:os|wave|tarfile|zipfile|Image)\.$", before
        )
        if not ("encoding=" in call or binary or other):
            yield source.count("\n", 0, found.start()) + 1


@pytest.mark.parametrize(
    "path",
    [
        path
        for folder in ("odyssey", "scripts", "workflow", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".smk") or path.name == "Snakefile"
    ],
    ids=lambda p: p.name,
)
def test_text_is_read_and_written_as_utf_8_in_every_locale(path):
    assert list(text_without_encoding(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("call", ["p.read_text()", 'p.open("w")', "open(p)", "run(a, text=True)"])
def test_a_text_without_encoding_is_found(call):
    assert list(text_without_encoding(f"a = 1\nb = {call}\n")) == [2]


def test_the_snakefile_is_a_table_of_contents():
    lines = (ROOT / "workflow" / "Snakefile").read_text().splitlines()
    assert len(lines) <= 50
    assert not any(re.match(r"\s*def ", line) for line in lines)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_scripts_are_thin(path):
    lines = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 40
    functions = [n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
    assert [function.name for function in functions] == ["main"]
    assert ast.get_docstring(functions[0])


def rules_with_scripts():
    for path in RULES:
        for block in re.split(r"^(?=rule )", path.read_text(), flags=re.M)[1:]:
            yield re.match(r"rule (\w+):", block)[1], block


def test_every_rule_has_log_message_and_a_script_of_its_name():
    for rule, block in rules_with_scripts():
        assert "    log:\n" in block, rule
        assert "    message:\n" in block, rule
        scripts = re.findall(r"scripts/(\w+)\.py", block)
        assert scripts == [rule], rule


def test_every_script_has_a_rule():
    assert {path.stem for path in SCRIPTS} == {rule for rule, _ in rules_with_scripts()}

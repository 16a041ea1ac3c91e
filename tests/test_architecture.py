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
    "paper": {"search"},
    "units": set(),
    "files": set(),
    "mx": set(),
    "noise": set(),
    "training": {"noise"},
    "checkpoint": {"files"},
    "datasets": {"files"},
    "equations": {"spec", "variants"},
    "tasks": {"datasets", "spec", "variants"},
    "study": {"search", "spec", "tasks", "variants"},
    "kernels": {"mx", "noise", "spec", "training", "variants"},
    "gpu": {"kernels", "mx", "noise", "spec", "training", "variants"},
    "lease": set(),
    "stopping": set(),
    "network": {"gpu", "kernels", "mx", "noise", "spec", "training"},
    "results": {"checkpoint", "tasks"},
    "trial_file": {"checkpoint", "results", "training"},
    "trial": {
        *("datasets", "files", "lease", "network", "results", "spec", "stopping", "study", "tasks"),
        *("training", "trial_file"),
    },
    "progress": {"checkpoint", "lease", "results", "study"},
    "progress_view": {"checkpoint", "progress", "results", "study", "tasks", "units"},
    "block": {"datasets", "gpu", "results", "stopping", "study", "trial"},
    "analysis": {
        *(
            "checkpoint",
            "datasets",
            "paper",
            "results",
            "search",
            "study",
            "tasks",
            "units",
            "variants",
        ),
    },
    "plan": {"paper", "study", "tasks", "variants"},
    "plan_view": {"datasets", "paper", "plan", "study", "units"},
}
FRONT_DOORS = {"cli"}  # may import anything, inside its commands
STANDARD_LIBRARY_ONLY = (
    "variants",
    "spec",
    "search",
    "files",
    "tasks/__init__",
    "kernels/build",
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
        if parts[0] == "odyssey" and parts[1] != "__version__":
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
        assert entered <= {"study", "search", "variants", "kernels", "plan", "tasks"}, path.name


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

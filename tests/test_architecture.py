"""The house rules: who may import whom, and what a script, a rule and a Snakefile may be."""

import ast
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.support.longest import SECONDS, SLOW, TESTS

PACKAGE = ROOT / "odyssey"
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
HEAVY = ("h5py", "matplotlib", "mxnet", "numba", "numpy", "pandas", "rich", "scipy", "sklearn")

#: room → rooms that it may enter, floor by floor from the ground. A room is a folder or a file; of
#: several that hold a file, the innermost is its room.
ARROWS = {
    "units": set(),
    "registry": set(),
    "storage": set(),
    "datasets": {"storage"},
    "losses": {"registry"},
    "networks": {"registry"},
    "slurm": set(),
    "tasks": {"losses", "networks", "registry"},
    "tasks/tree": set(),
    "tasks/merit": {"losses", "storage", "tasks"},
    "tasks/readers": {"losses", "storage", "tasks", "tasks/tree"},
    "tasks/prepare": {
        *("losses", "storage", "tasks", "tasks/merit", "tasks/readers", "tasks/tree"),
    },
    "tasks/measure": {"storage", "tasks", "tasks/merit", "tasks/prepare", "tasks/readers"},
    "tasks/arrays": {"losses", "storage", "tasks", "tasks/measure", "tasks/tree"},
    "study": {"losses", "networks", "registry", "storage", "tasks", "tasks/arrays"},
    "paper": {"study", "tasks"},
    "engines": {"losses", "networks"},
    "engines/fused": {"engines", "losses", "networks", "storage"},
    "engines/gluon": {"engines", "engines/fused", "losses", "networks"},
    "engines/gpu": {"engines", "losses", "networks"},
    "engines/choose": {"engines", "engines/fused", "engines/gluon", "engines/gpu", "networks"},
    "runs": {
        *("engines", "engines/gpu", "engines/choose", "networks", "registry", "storage", "study"),
        *("tasks", "tasks/merit", "tasks/tree"),
    },
    "export": {"networks", "runs", "storage"},
    "predict": {
        *("engines", "engines/choose", "losses", "networks", "runs", "storage", "study", "tasks"),
        *("tasks/merit", "tasks/readers"),
    },
    "analysis/records": {"paper", "storage"},
    "analysis/words": {"networks", "study", "tasks"},
    "analysis/findings": {"analysis/records", "analysis/words", "storage"},
    "analysis/welch": {"analysis/findings", "analysis/records"},
    "analysis/comparison": {"analysis/findings", "analysis/records", "analysis/welch", "study"},
    "analysis/fanova": {"analysis/findings", "analysis/records", "study"},
    "analysis/figures": {
        *("analysis/fanova", "analysis/findings", "analysis/records", "analysis/words", "paper"),
        *("runs", "units"),
    },
    "analysis": {
        *("analysis/fanova", "analysis/figures", "analysis/findings", "analysis/records"),
        *("analysis/words", "paper", "storage", "study"),
    },
    "analysis/claims": {
        *("analysis/findings", "analysis/records", "analysis/words", "paper", "units"),
    },
    "analysis/report": {
        *("analysis", "analysis/claims", "analysis/comparison", "analysis/fanova"),
        *("analysis/figures", "analysis/findings", "analysis/records", "analysis/words", "paper"),
        *("runs", "storage", "study", "units"),
    },
    "views": {"paper", "runs", "storage", "study", "tasks", "units"},
    "checks": {"engines/fused", "engines/gpu", "networks", "runs", "slurm", "study"},
    "cli": {
        *("analysis", "analysis/fanova", "analysis/report", "checks", "engines/fused"),
        *("engines/gpu", "export", "networks", "predict", "runs", "storage", "study", "tasks"),
        *("tasks/arrays", "tasks/prepare", "views"),
    },
}
STANDARD_LIBRARY_ONLY = (
    *("networks/variants", "networks/spec", "study/search", "study/hyperparameters"),
    *(
        "study/hyperparameter",
        "units",
        "losses/__init__",
        "registry",
        "study/blocks",
        "study/config_error",
        "study/extensions",
    ),
    *(
        "study/search_space",
        "study/settings",
        "study/trials",
        "tasks/source",
        "tasks/arrays",
        "tasks/task",
        "tasks/timit",
        "tasks/iamondb",
        "tasks/jsb",
        "networks/cells",
        "networks/gru",
        "networks/ops",
        "networks/rnn",
        "networks/shapes",
    ),
    *("storage/paths", "storage/files", "storage/receipts", "storage/plain"),
    *("checks/check", "paper/__init__", "analysis/records/__init__", "analysis/words"),
    *("tasks/__init__", "tasks/tree", "engines/fused/build", "engines/fused/compiler"),
    *("engines/fused/instructions", "engines/fused/library", "engines/fused/sources"),
)
MODULES = {
    ".".join(("odyssey", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def room_of(module):
    """The innermost room of a module of the package."""
    parts = module.split(".")[1:]
    rooms = ("/".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((room for room in rooms if room in ARROWS), None)


def imports(source):
    """All imported modules, with ``from package import name`` as package.name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_entered(path):
    """The package's modules that a file imports, also inside its functions."""
    for name in imports(path.read_text(encoding="utf-8")):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        if name not in ("", "odyssey"):
            yield name


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"odyssey"}))
def test_imports_follow_the_arrows(module):
    room = room_of(module)
    assert room, f"{module} is in no room: give it a row in ARROWS"
    entered = {room_of(name) for name in modules_entered(MODULES[module])} - {room}
    assert entered <= ARROWS[room]


def test_the_arrows_are_used_and_point_down():
    rooms = list(ARROWS)
    for room, entered in ARROWS.items():
        assert entered <= set(rooms[: rooms.index(room)]), room
    used = {room: set() for room in ARROWS}
    for module in set(MODULES) - {"odyssey"}:
        used[room_of(module)] |= {room_of(name) for name in modules_entered(MODULES[module])}
    assert {room: entered - {room} for room, entered in used.items()} == ARROWS


def test_no_file_imports_itself_through_others():
    entered = {module: set(modules_entered(path)) for module, path in MODULES.items()}
    while leaves := {module for module, names in entered.items() if not names & set(entered)}:
        entered = {module: names for module, names in entered.items() if module not in leaves}
    assert entered == {}


def test_the_slow_tests_are_there():
    assert [place for place in SECONDS if not (TESTS / place).exists()] == []
    for place, names in SLOW.items():
        there = (TESTS / place).read_text(encoding="utf-8")
        assert [name for name in names if f"def {name}(" not in there] == []


def test_benchmarks_and_scripts_know_no_tests():
    for path in [*SCRIPTS, *(ROOT / "benchmarks").rglob("*.py")]:
        heads = {name.split(".")[0] for name in imports(path.read_text(encoding="utf-8"))}
        assert "tests" not in heads, path.name


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_one_module_imports_mxnet(path):
    heads = {name.split(".")[0] for name in imports(path.read_text())}
    assert ("mxnet" in heads) == (path.name == "mx.py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_one_module_imports_matplotlib_and_few_numba(path):
    heads = {name.split(".")[0] for name in imports(path.read_text(encoding="utf-8"))}
    assert ("matplotlib" in heads) == (path.name == "mpl.py")
    in_llvm = path.name in ("handing.py", "lanes.py")
    assert ("llvmlite" in heads) == in_llvm
    assert ("numba" in heads) == (in_llvm or path.name == "compiled.py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_scripts_know_snakemake(path):
    assert not re.search(r"\bimport snakemake|\bsnakemake\.\w", path.read_text())


@pytest.mark.parametrize("module", STANDARD_LIBRARY_ONLY)
def test_light_modules_need_the_standard_library_only(module):
    heads = {name.split(".")[0] for name in imports((PACKAGE / f"{module}.py").read_text())}
    assert heads <= set(sys.stdlib_module_names) | {"odyssey"}


def test_the_workflow_imports_light_modules_only():
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "workflow" / "Snakefile", *RULES]]
    # What is indented is imported at the end of a failed run only, or where there is a SLURM.
    found = re.findall(r"^(?:from|import) (odyssey[\w.]*)", "\n".join(texts), re.M)
    code = f"import {', '.join(sorted(set(found)))}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert len(found) > 5
    assert not set(HEAVY) & set(loaded.decode().split())


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

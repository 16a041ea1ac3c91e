"""The pictures of the architecture and of the workflow: ``python -m docs.made.pictures``."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from docs.made.graph import Graph, draw, reduced

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
PACKAGE = ROOT / "odyssey"
#: What is in a folder, in few words; a folder that is not here is drawn without.
FOLDERS = {
    "storage": "whole files, leases, data",
    "losses": "one file per loss",
    "networks": "cells, equations",
    "tasks": "readers of corpora",
    "study": "config → trials",
    "paper": "its numbers",
    "engines": "Gluon, C++, CUDA",
    "runs": "resumable trials, plan",
    "analysis": "fANOVA, figures, report",
    "export": "NumPy, PyTorch, ONNX",
    "predict": "activations of a trial",
    "views": "tables for the terminal",
    "checks": "odyssey doctor",
    "slurm": "patience with SLURM",
    "cli": "commands",
    "datasets": "for your scripts",
    "registry": "rows of extensions",
    "units": "words for numbers",
}
RULES = {
    "prepare": "one per task",
    "build_kernels": "for its processors",
    "train_trials": "one per block of trials",
    "aggregate_trials": "trials.csv, curves.csv",
    "run_fanova": "which factor matters",
    "compare_variants": "which variant matters",
    "compare_with_paper": "how far from it",
    "join_findings": "all tasks",
    "plot_figure": "SVG and PNG",
    "report": "report.html",
    "report_task": "one task, early",
    "partial_report": "any time, of what is there",
}


def architecture() -> Graph:
    """Return the package's folders, and which imports which, as the sources have it.

    Single files, which anyone may use, stand apart. Arrows that others imply are left out.
    """
    folders = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
    arrows = {name: set(_entered(PACKAGE / name)) & set(folders) - {name} for name in folders}
    files = sorted({path.stem for path in PACKAGE.glob("*.py")} - {"__init__"})
    words = {name: FOLDERS.get(name, "") for name in (*folders, *files)}
    return Graph(words, reduced(arrows), frozenset(files))


def _entered(folder: Path) -> Iterator[str]:
    """Yield the folders and files of the package that a folder's files import."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [
                alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)
            ]
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{name}" for name in names]
            yield from (name.split(".")[1] for name in names if name.startswith("odyssey."))


def workflow() -> Graph:
    """Return the rules and what each needs, as Snakemake's rulegraph of config.yaml has it."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "--cores", "1", "--nolock"]
    ran = subprocess.run(
        [*command, "--directory", str(ROOT)],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    nodes = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)"', ran.stdout, re.M))
    arrows: dict[str, set[str]] = {name: set() for name in nodes.values() if name != "all"}
    for start, end in re.findall(r"^\s*(\d+) -> (\d+)", ran.stdout, re.M):
        if nodes[end] != "all":
            arrows[nodes[end]].add(nodes[start])
    every = [
        rule
        for path in sorted((ROOT / "workflow" / "rules").glob("*.smk"))
        for rule in _rules(path)
    ]
    apart = frozenset(every) - set(arrows)
    return Graph({rule: RULES.get(rule, "") for rule in every}, reduced(arrows), apart)


def _rules(path: Path) -> list[str]:
    return re.findall(r"^rule (\w+):", path.read_text(encoding="utf-8"), re.M)


def main() -> None:
    """Draw both."""
    draw(architecture(), PICTURES / "architecture.png", downwards=True)
    draw(workflow(), PICTURES / "workflow.png", downwards=False)


if __name__ == "__main__":
    main()

"""The public Python API, read from the sources: signatures, fields and docstrings."""

import ast
from pathlib import Path

from docs.made.words import markdown

ROOT = Path(__file__).parents[2]
#: Module by which a user imports → names, what they are for.
PUBLIC = {
    "odyssey.datasets": (
        "Sequences of your own, and prepared data",
        ("save_arrays", "load_dataset", "Dataset", "Split", "Example", "DataError"),
    ),
    "odyssey.tasks": ("Tasks", ("register", "Task", "Source", "Option", "Size", "Costs")),
    "odyssey.study.hyperparameters": ("Hyperparameters", ("register", "Hyperparameter")),
    "odyssey.study.search": (
        "Laws",
        ("Uniform", "LogUniform", "OneMinusLogUniform", "Choice", "parse_law"),
    ),
    "odyssey.losses": ("Losses", ("register", "Loss", "Targets")),
    "odyssey.networks.cells": ("Cells", ("register", "Cell")),
    "odyssey.networks.ops": ("What a cell's step is written over", ("Ops",)),
    "odyssey.runs.observer": ("Observers", ("register", "Observer")),
    "odyssey.analysis": ("Variance decomposition", ("FunctionalANOVA",)),
    "odyssey.analysis.fanova.optuna_evaluator": ("In Optuna", ("OdysseyImportanceEvaluator",)),
    "odyssey.analysis.fanova.optuna_trials": ("From tables to Optuna", ("as_study",)),
}
INTRODUCTION = """# Python

Made from the docstrings. What is not here may change without notice.
Arrays are NumPy's; T is time, D inputs, H units, K outputs.
"""

Definition = ast.ClassDef | ast.FunctionDef


def page() -> str:
    """Return the page as Markdown: a section for each module, a part for each name."""
    parts = [INTRODUCTION]
    for module, (title, names) in PUBLIC.items():
        parts.append(f"## {title}\n\n    from {module} import {', '.join(names)}\n")
        parts += [_described(definition(module, name)) for name in names]
    return "\n".join(parts)


def definition(module: str, name: str) -> Definition:
    """Return where a module's name is defined, also if it imports it. LookupError if nowhere."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Definition) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and node.module != module:
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module:
                    return definition(node.module, alias.name)
    raise LookupError(f"{module} has no {name}: docs/made/api.py lists what is public")


def _described(found: Definition) -> str:
    lines = [f"### {found.name}", ""]
    if isinstance(found, ast.FunctionDef):
        return "\n".join([*lines, _code([_signature(found)]), "", _words(found), ""])
    fields = [ast.unparse(node) for node in found.body if isinstance(node, ast.AnnAssign)]
    methods = [node for node in found.body if isinstance(node, ast.FunctionDef)]
    constructor = [_signature(node, found.name) for node in methods if node.name == "__init__"]
    if shown := [*constructor, *(f for f in fields if not f.startswith("_"))]:
        lines += [_code(shown), ""]
    lines += [_words(found), ""]
    for method in methods:
        if not method.name.startswith("_") and ast.get_docstring(method):
            lines += [f"- {_one(method)}", ""]
    return "\n".join(lines)


def _one(method: ast.FunctionDef) -> str:
    """Return a method as an item of a list: its signature, or a property's name, and its words."""
    decorators = {ast.unparse(node) for node in method.decorator_list}
    head = method.name if "property" in decorators else _signature(method)
    return f"`{head}`: " + _words(method).replace("\n", "\n    ")


def _signature(function: ast.FunctionDef, name: str = "") -> str:
    arguments = ast.parse(ast.unparse(function)).body[0].args  # type: ignore[attr-defined]
    for group in (arguments.posonlyargs, arguments.args):
        group[:] = [argument for argument in group if argument.arg not in ("self", "cls")]
    returns = f" -> {ast.unparse(function.returns)}" if function.returns and not name else ""
    return f"{name or function.name}({ast.unparse(arguments)}){returns}"


def _code(lines: list[str]) -> str:
    return "```python\n" + "\n".join(lines) + "\n```"


def _words(found: Definition) -> str:
    return markdown(ast.get_docstring(found) or "")

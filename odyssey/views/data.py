"""Prepared data at a glance, for the terminal."""

from collections.abc import Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from odyssey.storage.datasets import Dataset
from odyssey.tasks import TASKS


def summarise(dataset: Dataset, most: int = 20) -> RenderableType:
    """Return tables of sets, labels, baselines and at most ``most`` of the items left out."""
    task = TASKS.get(dataset.task)  # an extension's is not known here
    title, unit = (task.title, f" {task.unit} ({task.merit}, test)") if task else (dataset.task, "")
    title, unit = escape(title), escape(unit)
    lines: list[RenderableType] = [
        f"[bold]{title}[/bold] from {escape(dataset.description)}",
        _sets(dataset),
        *_labels(dataset),
        *(f"Baseline {name}: {value:.3f}{unit}" for name, value in dataset.baselines.items()),
        *(f"[yellow]{escape(note)}[/yellow]" for note in dataset.provenance.notes),
        *_skipped(dataset, most),
        f"Fingerprint {dataset.fingerprint[:16]}",
    ]
    return Group(*lines)


def _sets(dataset: Dataset) -> Table:
    table = Table("set", "sequences", "frames", "shortest", "median", "longest", "targets")
    for name, split in dataset.splits.items():
        low, middle, high = np.quantile(split.lengths, (0, 0.5, 1))
        sizes = (len(split), len(split.inputs), low, middle, high, len(split.targets))
        table.add_row(name, *(f"{size:,.0f}" for size in sizes))
    return table


def _labels(dataset: Dataset, most: int = 12) -> Iterator[str]:
    """Say how often each label comes; nothing of targets that are numbers."""
    targets = dataset.train.targets
    if targets.dtype.kind == "f":
        return
    if targets.ndim == 2:
        counts = targets.sum(axis=0, dtype=np.int64)  # of a signed type: it is negated below
    else:
        targets = targets[targets >= 0]  # -1 is no label
        counts = np.bincount(targets, minlength=len(dataset.labels))
    names = [*dataset.labels, *map(str, range(len(dataset.labels), len(counts)))]
    order = np.argsort(-counts, kind="stable")
    shares = 100 * counts / len(targets)
    named = ", ".join(f"{names[k]!r} {shares[k]:.1f} %" for k in order[:most] if counts[k])
    absent = " ".join(names[k] for k in order if not counts[k])
    rest = f", …; never: {absent}" if absent else ", …"
    yield f"Labels, by their share of the training targets: {escape(named + rest)}"


def _skipped(dataset: Dataset, most: int) -> Iterator[str]:
    skipped = dataset.provenance.skipped
    if skipped:
        yield f"Left out: {len(skipped)}"
    for item, reason in list(skipped.items())[:most]:
        yield f"  {escape(item)}: {escape(reason)}"
    if len(skipped) > most:
        yield f"  … and {len(skipped) - most} more, in the file under 'skipped'"

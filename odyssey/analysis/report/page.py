"""The report: one self-contained page with all results of a study. It opens without network.

The page holds its figures, the table of all trials and their learning curves (gzip, base64) inside;
page.html, page.css and page.js in this folder are its parts.
"""

import base64
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import yaml

from odyssey import paper
from odyssey.analysis.claims.judge import judge
from odyssey.analysis.figures.beside import Beside, boxes_beside
from odyssey.analysis.findings import DataFacts, Findings, finite, winner
from odyssey.analysis.records import Decomposition, Effect, Skipped, VariantSummary, WithPaper
from odyssey.analysis.report.embedded import curves_of, packed, script_safe, table_of
from odyssey.analysis.report.short import in_short
from odyssey.analysis.words import merit_of, name_of, short_of, title_of
from odyssey.runs.results import failure_of
from odyssey.study.study import Study
from odyssey.units import duration

PACKAGES = ("odyssey", "mxnet", "numpy", "pandas", "scipy", "scikit-learn", "snakemake")


def write_report(
    study: Study,
    findings: Findings,
    figures: Iterable[str | Path],
    captions: Iterable[str | Path],
    out: Path,
) -> None:
    """Write the page.

    ``figures`` are SVG or PNG files, named as in ``figures.figure_names``; ``captions`` hold
    for each kind of figure a title, an empty line, and what to see.
    """
    texts = {Path(path).stem: Path(path).read_text(encoding="utf-8") for path in captions}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("odyssey.analysis.report", "."),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    ours = set(findings.tasks)
    verdicts = judge(findings) if ours & set(paper.TASKS) else []
    page = environment.get_template("page.html").render(
        summary=_summary(findings, study),
        short=in_short(findings),
        tasks=[_task(findings, study, task) for task in findings.tasks],
        verdicts=verdicts,
        tally=Counter(sorted(row.verdict for row in verdicts)).items(),
        figures=[_figure(Path(path), texts) for path in figures],
        troubles=_troubles(findings, study),
        config=yaml.safe_dump(dict(study.config), sort_keys=False, allow_unicode=True),
        versions=_versions(),
        published=paper.JSB_ELSEWHERE if "jsb" in ours else {},
        words=short_of,
        data=script_safe(table_of(findings.trials)),
        curves=packed(curves_of(findings.trials, findings.curves)),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")


def _summary(findings: Findings, study: Study) -> dict[str, Any]:
    trials = findings.trials
    return {
        "trials": len(trials),
        "planned": len(study.variants) * sum(map(study.trials, study.tasks)),
        "diverged": int((trials.status == "diverged").sum()),
        "core_time": duration(float(trials.seconds.sum())),
        "epochs": int(trials.epochs.sum()),
        "hosts": int(trials.host.nunique()),
        "seeds": sorted(set(trials.seed)),
    }


@dataclass(frozen=True)
class TaskPart:
    """What the page shows of one task.

    ``best`` is the row of the trial that is best on validation, ``drawn`` its hyperparameters in
    words. ``added`` holds the names of the variants that the paper has not.
    ``paper`` and ``before`` are None where the task is none of the paper's,
    ``beside`` where its figures do not stand beside ours. ``joint`` holds the main effects of all
    variants in one search.
    """

    title: str
    merit: str
    source: str
    planned: int
    data: DataFacts | None
    share: float
    variants: Mapping[str, VariantSummary]
    added: Mapping[str, str]
    best: Mapping[str, Any] | None
    drawn: Mapping[str, str]
    paper: paper.Best | None
    before: str | None
    beside: WithPaper | None
    boxes: list[Beside]
    joint: Mapping[str, Effect]


def _task(findings: Findings, study: Study, task: str) -> TaskPart:
    trials, comparison = findings.of(task), findings.comparison[task]
    joint, beside = findings.fanova[task].joint, findings.beside(task)
    known, first = task in study.tasks, winner(finite(trials))
    return TaskPart(
        title_of(task),
        merit_of(task),
        ", ".join(sorted(set(trials.source))),
        study.trials(task) if known else len(trials),
        findings.data.get(task),
        comparison.share,
        comparison.variants,
        {code: name_of(code) for code in comparison.variants if code not in paper.ORDER},
        first,
        _drawn(first, study.search_space(task)) if first and known else {},
        paper.BEST_BY_VALIDATION.get(task),
        paper.BEFORE.get(task),
        findings.paper[task] if beside else None,
        boxes_beside(trials, comparison.share) if beside else [],
        joint.mains if isinstance(joint, Decomposition) else {},
    )


def _drawn(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Return a trial's hyperparameters as short name → value; one without a value is left out."""
    values = {name: row[name] for name in names if name in row and not pd.isna(row[name])}
    return {short_of(name): _said(value) for name, value in values.items()}


def _said(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _troubles(findings: Findings, study: Study) -> dict[str, Any]:
    """Return diverged trials, missing ones with why they failed, and analyses not made."""
    trials = findings.trials
    there = set(zip(trials.task, trials.variant, trials.trial, strict=True))
    missing, skipped = [], []
    for task, code in itertools.product(study.tasks, study.variants):
        lacking = [k for k in range(study.trials(task)) if (task, code, k) not in there]
        if lacking:
            reasons = {k: failure_of(study.trial_path(task, code, k)) for k in lacking}
            failed = {k: reason for k, reason in reasons.items() if reason}
            row = {"task": title_of(task), "variant": code, "trials": lacking, "failed": failed}
            missing.append(row)
    for task, anova in findings.fanova.items():
        for code, search in anova.searches.items():
            for target, own in (("error", search.error), ("time", search.time)):
                if isinstance(own, Skipped):
                    skipped.append((f"{title_of(task)} {code}, {target}", own.skipped))
        if task in study.tasks:
            skipped += [(title_of(task), words) for words in study.without_factors([task])]
            skipped += [(title_of(task), words) for words in _of_some(study, task)]
    diverged = trials[trials.status == "diverged"]
    return {"diverged": diverged.to_dict("records"), "missing": missing, "skipped": skipped}


def _of_some(study: Study, task: str) -> list[str]:
    """Say which hyperparameters only some trials have."""
    return [
        f"{name} is a factor of those trials alone whose update rule has it, so it is left out of "
        "the decompositions: odyssey fanova, on trials.csv, decomposes it over those"
        for name in study.conditional(task)
    ]


def _figure(path: Path, captions: Mapping[str, str]) -> dict[str, Any]:
    mime = {".svg": "image/svg+xml", ".png": "image/png"}[path.suffix]
    title, _, text = captions[path.stem.partition("-")[0]].partition("\n\n")
    content = path.read_bytes()
    uri = f"data:{mime};base64,{base64.b64encode(content).decode()}"
    width = re.search(rb'width="([\d.]+)pt"', content)  # of an SVG
    small = width is not None and float(width[1]) < 450
    words = {"title": title.strip("*\n "), "text": text}
    return {"name": path.stem, **words, "uri": uri, "small": small}


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed here"
    return versions

"""A study that is not done is never called done: every way of resuming and extending.

A finished study is asked for in another form, by a dry run, with Snakemake's metadata as they are,
as another profile finds them (in files instead of a database), and removed.
"""

import contextlib
import json
import os
import re
import shutil

import pytest
import yaml

from odyssey.runs.products import products
from odyssey.study.study import Study
from tests.support.tiny_workflow import TinyWorkflow

#: The jobs of the tiny study behind its trials.
FIGURES = 9
SHOWN = {"join_findings": 1, "plot_figure": FIGURES, "report": 1, "all": 1}
BEHIND = {"run_fanova": 1, "compare_variants": 1, "compare_with_paper": 1} | SHOWN
QUICK = {"analysis": {"bootstrap": 0, "trees": 8, "top": 0.7}}

WAYS = {
    "nothing else": ({}, {}),
    "more trials": ({"trials": 5}, {"train_trials": 4, "aggregate_trials": 1} | BEHIND),
    "fewer trials": ({"trials": 1}, {"train_trials": 2, "aggregate_trials": 1} | BEHIND),
    "one more variant": (
        {"variants": ["V", "NP", "CIFG"]},
        {"train_trials": 2, "aggregate_trials": 1} | BEHIND,
    ),
    "one variant less": ({"variants": ["V"]}, {"aggregate_trials": 1} | BEHIND),
    "other blocks": (
        {"task_settings": {"jsb": {"trials_per_job": 3}}},
        {"train_trials": 2, "aggregate_trials": 1} | BEHIND,
    ),
    "another protocol": (
        {"protocol": {"epochs": 3}},
        {"train_trials": 4, "aggregate_trials": 1} | BEHIND,
    ),
    "another search space": (
        {"search_space": {"noise": {"law": "uniform", "low": 0, "high": 0.5}}},
        {"train_trials": 4, "aggregate_trials": 1} | BEHIND,
    ),
    "another seed": ({"seed": 2}, {"train_trials": 4, "aggregate_trials": 1} | BEHIND),
    "other data": (
        {"data": {"jsb": {"normalise": True}}},
        {"prepare": 1, "train_trials": 4, "aggregate_trials": 1} | BEHIND,
    ),
    "another analysis": ({"analysis": {"alpha": 0.01}}, BEHIND),
    "another number of threads": ({"threads_per_job": 2}, {"report": 1, "all": 1}),
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The tiny study, done, with its metadata in a database."""
    study = TinyWorkflow(tmp_path_factory.mktemp("upkeep"))
    study.run("all", **QUICK)
    shutil.copytree(study.folder / ".snakemake", study.folder / "metadata")
    return study


@pytest.fixture(params=["a database", "files", "nothing"])
def metadata(request, study):
    """Options of Snakemake that make it find its metadata of before, or none."""
    shutil.rmtree(study.folder / ".snakemake", ignore_errors=True)
    if request.param != "nothing":
        shutil.copytree(study.folder / "metadata", study.folder / ".snakemake")
    return ["--persistence-backend", "file"] if request.param == "files" else []


def jobs(study, target, options, changes):
    log = study.run(target, "--dry-run", *options, **lay(QUICK, changes))
    table = dict(re.findall(r"^(\w+) +(\d+)$", log, re.M))
    assert ("Nothing to be done" in log) == (not table)
    return {rule: int(number) for rule, number in table.items() if rule != "total"}


def lay(*layers):
    config = {}
    for layer in layers:
        for key, value in layer.items():
            old = config.get(key)
            config[key] = lay(old, value) if isinstance(old, dict) else value
    return config


@pytest.mark.parametrize("way", WAYS)
def test_what_is_asked_for_and_not_there_is_made(study, metadata, way):
    changes, expected = WAYS[way]
    assert jobs(study, "all", metadata, changes) == expected


@pytest.mark.parametrize("way", ["more trials", "another protocol", "other data"])
def test_so_is_what_a_file_asked_for_by_name_stands_on(study, metadata, way):
    changes, expected = WAYS[way]
    found = jobs(study, "results/jsb/trials.csv", metadata, changes)
    assert found == {rule: n for rule, n in expected.items() if rule not in BEHIND}


@contextlib.contextmanager
def put_back(*paths):
    """Give files the content and the times back that they had."""
    before = [(path, path.read_bytes(), path.stat()) for path in paths]
    try:
        yield
    finally:
        for path, content, status in before:
            path.write_bytes(content)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_corpus_that_was_repaired_is_prepared_again_also_where_its_data_are_gone(study, metadata):
    corpus, data = study.folder / "chorales.json", study.folder / "data" / "jsb.h5"
    expected = {"prepare": 1, "train_trials": 4, "aggregate_trials": 1} | BEHIND
    with put_back(corpus, data):
        rolls = json.loads(corpus.read_text())
        rolls["train"][0][0] = [50]
        corpus.write_text(json.dumps(rolls))
        assert jobs(study, "all", metadata, {}) == expected
        data.unlink()
        assert jobs(study, "all", metadata, {}) == expected
    assert jobs(study, "all", metadata, {}) == {}


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("results/jsb/V/trials_0-1.h5", {"train_trials": 1, "aggregate_trials": 1} | BEHIND),
        ("results/jsb/trials.csv", {"aggregate_trials": 1} | BEHIND),
        ("results/fanova/jsb.json", {"run_fanova": 1} | SHOWN),
        ("results/report.html", {"report": 1, "all": 1}),
    ],
)
def test_a_file_that_is_cut_or_of_something_else_is_made_again(study, metadata, name, again):
    path = study.folder / name
    with put_back(path):
        content = path.read_bytes()
        for harmed in (content[: len(content) // 2], b""):
            path.write_bytes(harmed)
            assert jobs(study, "all", metadata, {}) == again
    assert jobs(study, "all", metadata, {}) == {}


def test_the_log_says_what_is_outdated_and_why(study):
    log = study.run("all", "--dry-run", **lay(QUICK, {"protocol": {"epochs": 3}}))
    lines = [line for line in log.splitlines() if line.startswith("Outdated: ")]
    assert len(lines) == 4
    assert lines[0].endswith("_0-1.h5: its trials are of other settings, data or version")


def test_the_table_of_products_is_that_of_the_workflow(study):
    """The same files, made by rules of the same rules' files: or something outdated would pass."""
    log = study.run("all", "--summary", **QUICK)
    rows = [line.split("\t") for line in log.splitlines() if line.startswith(("results/", "data/"))]
    rule_of = {row[0]: row[2] for row in rows}
    config = yaml.safe_load((study.folder / "config.yaml").read_text())
    table = list(products(Study(config)))
    assert {str(path) for product in table for path in product.outputs} == set(rule_of)
    arrows = {
        (rule_of[str(path)], rule_of[str(product.outputs[0])])
        for product in table
        for path in product.inputs
    }
    graph = study.run("all", "--dag", "--forceall", **QUICK)
    jobs = dict(re.findall(r'(\d+)\[label = "(\w+)', graph))
    drawn = {(jobs[a], jobs[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)}
    assert {arrow for arrow in drawn if "all" not in arrow} == arrows


def test_results_that_were_copied_without_metadata_are_extended_for_real(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "copy", ignore=shutil.ignore_patterns(".snakemake"))
    copy = TinyWorkflow(tmp_path / "copy", fresh=False)
    before = copy.trial_files()
    copy.run("all", "--persistence-backend", "file", **lay(QUICK, {"trials": 5}))
    after = copy.trial_files()
    assert {name: after[name] for name in before} == before
    assert len(after) == 2 * 5
    assert len((tmp_path / "copy/results/trials.csv").read_text().splitlines()) == 1 + 2 * 5
    assert jobs(copy, "all", [], {"trials": 5}) == {}

"""Studies of other tasks, hyperparameters and variants than the paper's: the analysis is theirs."""

import itertools
import json
import re

import pandas as pd
import pytest

from odyssey import paper
from odyssey.analysis.claims.judge import judge
from odyssey.analysis.distance import distance
from odyssey.analysis.figures.draw import draw
from odyssey.analysis.figures.plotting import lines_of
from odyssey.analysis.report.of_tables import write_all
from odyssey.analysis.words import colours_of, label_of, merit_of, short_of, title_of
from odyssey.runs.products import figure_names
from odyssey.study.hyperparameters import Hyperparameter
from odyssey.study.hyperparameters import register as register_hyperparameter
from odyssey.study.search import Choice, LogUniform, OneMinusLogUniform, Uniform
from odyssey.study.study import load_study
from odyssey.tasks import Source, Task, register
from tests.conftest import ROOT, SCHEMA
from tests.support.analysis_fixtures import found_in, made_up_table, made_up_trials
from tests.support.rows import rows_of_a_test

CAPTIONS = sorted((ROOT / "workflow" / "report").glob("*.rst"))
THREE = {
    "learning_rate": LogUniform(1e-6, 1e-2),
    "hidden": LogUniform(20, 200, integer=True),
    "gate_bias": Uniform(-2, 2),
}
SEVEN = {
    **THREE,
    "momentum": OneMinusLogUniform(0.01, 1),
    "noise": Uniform(0, 1),
    "weight_decay": LogUniform(1e-8, 1e-2),
    "uses_the_other_rule": Choice((True, False)),
}
OTHERS = ("V", "GRU", "CIFG+NP", "a_cell_with_a_long_name")


def shift(parameters, value, network):
    """What no test here trains with."""


@pytest.fixture
def study(config, tmp_path):
    """A study of a task and a hyperparameter of one's own, and of JSB."""
    with rows_of_a_test():
        register(Task("humming", "Humming", 3, 4, False, "softmax", {"made": Source("a:b", "it")}))
        words = "a number from -2 to 2"
        bias = {"at_start": shift, "short": "bias", "colour": "#112233"}
        register_hyperparameter(Hyperparameter("gate_bias", float, -2, 2, words, **bias))
        space = config["search_space"] | {"gate_bias": {"law": "uniform", "low": -2, "high": 2}}
        quick = config["analysis"] | {"trees": 4, "bootstrap": 0, "paper": "always"}
        changes = {"tasks": ["humming", "jsb"], "variants": ["V", "NP"], "search_space": space}
        yield load_study(config | changes | {"trials": 12, "analysis": quick}, SCHEMA)


def report_on(study, tasks, folder):
    """Analyse made-up trials of tasks, write everything; return the text of the page."""
    for task in tasks:
        (folder / task).mkdir()
        rows = made_up_trials(study, task, 12)
        rows.to_csv(folder / task / "trials.csv", index=False)
    page = write_all(study, tasks, CAPTIONS, folder / "report.html", 1)
    return re.sub(r"\s+", " ", page.read_text(encoding="utf-8"))


def test_a_task_of_ones_own_has_a_report_without_the_papers_claims(study, tmp_path):
    page = report_on(study, ["humming"], tmp_path)
    assert "<h2>The best trials</h2>" in page
    for words in ("paper's claims", "the paper’s best", "How far from", "Published test figures"):
        assert words not in page
    assert "<td><b>Humming</b><br>frame error (%) </td>" in page
    assert re.search(r"</b> (V|NP) trial \d+</td> <td>hidden size \d+, .*bias -?\d", page)
    assert "difference to vanilla" in page
    assert json.loads((tmp_path / "paper.json").read_text())["humming"] == {
        "comparable": True,
        "beside": False,
        "distances": [],
        "reason": "",
    }
    drawn = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert drawn == {*figure_names(["humming"])}


def test_beside_a_task_of_ones_own_the_papers_is_judged_as_ever(study, tmp_path):
    page = report_on(study, ["humming", "jsb"], tmp_path)
    assert "The paper's claims" in page
    assert "<td>8.38 NIAF</td><td>5.56 (RNN-NADE)</td>" in page
    assert page.count("<td>–</td><td>–</td> <td>–</td>") == 1  # of Humming
    assert page.count("<h3>JSB Chorales</h3>") == 1  # of the distances
    assert "<h3>Humming</h3>" not in page


def test_cells_beside_the_papers_are_compared_and_said_to_be_none_of_its(study, config, tmp_path):
    more = {"variants": ["V", "NP", "GRU", "RNN"], "tasks": ["humming", "jsb"]}
    page = report_on(load_study(dict(study.config) | more, SCHEMA), ["humming", "jsb"], tmp_path)
    rows = "".join(re.findall(r"<tr class=\"[a-z]*\"> <td><b>(?:GRU|RNN)</b></td>", page))
    assert len(re.findall("<b>(?:GRU|RNN)</b>", rows)) == 4  # on both tasks
    words = "Not in the paper: GRU (gated recurrent unit), RNN (plain tanh network). p is adjusted"
    assert page.count(words) == 1  # on JSB
    assert f"{words} for all 3 comparisons of this study" in page
    boxes = json.loads((tmp_path / "paper.json").read_text())["jsb"]["distances"]
    assert not {"GRU", "RNN"} & {word for row in boxes for word in str(row["part"]).split()}


def test_a_distance_is_of_the_papers_tasks_alone():
    own = made_up_table("humming", SEVEN, ("V",), 12)
    with pytest.raises(ValueError, match="needs trials of timit, iamondb, jsb, got none"):
        distance(own)
    both = pd.concat([own, made_up_table("jsb", SEVEN, ("V",), 12)], ignore_index=True)
    assert {row.task for row in distance(both, halvings=1)} == {"jsb"}


@pytest.fixture(scope="module")
def odd():
    """Two tasks of which nothing is known here and one of the paper's, in an odd space."""
    tables = {
        task: made_up_table(task, SEVEN, OTHERS, 12)
        for task in ("moods", "jsb", "a_task_with_a_long_name")
    }
    return found_in(tables, dict.fromkeys(tables, SEVEN), OTHERS)


def test_tasks_that_are_unknown_come_last_by_name(odd):
    assert odd.tasks == ["jsb", "a_task_with_a_long_name", "moods"]


@pytest.mark.parametrize("name", figure_names(["jsb", "moods"]))
def test_every_figure_draws_what_the_study_has(odd, name):
    figure = draw(name, odd)
    titles = {ax.get_title(loc="left") for ax in figure.axes} - {""}
    assert titles == ({title_of(name[8:])} if "figure6" in name else set(map(title_of, odd.tasks)))
    if name in ("figure4", "shares", "figure6-moods"):
        words = {ax.get_xlabel() for ax in figure.axes} | {ax.get_ylabel() for ax in figure.axes}
        assert "weight decay" in {text.replace("\n", " ") for text in words}
    if name in ("figure3", "differences", "shares"):
        ticks = {text.get_text() for ax in figure.axes for text in ax.get_xticklabels()}
        ticks |= {text.get_text() for ax in figure.axes for text in ax.get_yticklabels()}
        assert set(OTHERS) - {"V"} <= ticks


@pytest.mark.parametrize("code", ["V", "NP"])
def test_a_factor_that_a_variant_lacks_is_drawn_for_the_others(code):
    table = made_up_table("jsb", THREE, ("V", "NP"), 12)
    found = found_in({"jsb": table}, {"jsb": THREE}, ("V", "NP"), {code: ("gate_bias",)})
    texts = {
        name: [text.get_text() for ax in draw(name, found).axes for text in ax.texts]
        for name in figure_names(["jsb"])
    }
    assert texts["shares"].count("no factor") == 1
    assert ("no factor of V" in texts["figure4"]) == (code == "V")
    judge(found)


def test_names_of_many_hyperparameters_do_not_run_into_one_another(odd):
    figure = draw("figure6-moods", odd)
    figure.draw_without_rendering()
    for labels in (
        [ax.yaxis.label for ax in figure.axes if ax.get_ylabel()],
        [ax.xaxis.label for ax in figure.axes if ax.get_xlabel()],
    ):
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) >= 6
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_no_claim_stumbles_over_a_task_or_a_hyperparameter_that_is_not_there():
    tables = {task: made_up_table(task, THREE, OTHERS, 12) for task in ("jsb", "moods")}
    verdicts = judge(found_in(tables, dict.fromkeys(tables, THREE), OTHERS))
    titles = {title for row in verdicts for title, _, _ in row.evidence}
    assert titles == {title_of("jsb")}
    (row,) = (row for row in verdicts if "Input noise hurts" in row.claim)
    assert row.evidence[0][2] == "not sampled in this study"


def test_words_and_colours_are_the_rows_and_else_the_name(study):
    assert (label_of("gate_bias"), short_of("gate_bias")) == ("gate bias", "bias")
    assert (label_of("drop_out"), short_of("drop_out")) == ("drop out", "drop out")
    assert (title_of("chess"), merit_of("chess")) == ("chess", "test figure")
    assert merit_of("humming") == "frame error (%)"
    colours = colours_of([*SEVEN, "drop_out"])
    assert colours["gate_bias"] == "#112233"
    assert len(set(colours.values())) == 8
    assert colours_of(["drop_out"])["drop_out"] not in colours_of(paper.SPACE).values()


def test_lines_of_twenty_variants_differ():
    looks = lines_of([*paper.ORDER, *(f"variant {k}" for k in range(11))])
    assert len({(look["color"], look["linestyle"]) for look in looks.values()}) == 20

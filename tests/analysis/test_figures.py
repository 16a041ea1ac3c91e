"""Every figure of whole and odd studies: it is drawn, says what it stands on, and is stable."""

import dataclasses
import re
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
import yaml

from odyssey import paper
from odyssey.analysis.figures.draw import draw, plot
from odyssey.analysis.findings import Findings, read_trials
from odyssey.analysis.records import WithPaper
from odyssey.analysis.words import GREEN, GREY
from odyssey.runs.products import figure_names
from odyssey.study.study import Study
from tests.conftest import ROOT
from tests.support.analysis_fixtures import found, made_up_trials

CAPTIONS = ROOT / "workflow" / "report"


@pytest.fixture(scope="module")
def study():
    return Study(yaml.safe_load((ROOT / "config.yaml").read_text()))


@pytest.fixture(scope="module")
def findings(study):
    return found(study, {t: made_up_trials(study, t, 14) for t in ("timit", "iamondb", "jsb")})


@pytest.mark.parametrize("name", figure_names(["timit", "iamondb", "jsb"]))
def test_every_figure_is_drawn_and_says_what_it_stands_on(findings, name):
    figure = draw(name, findings)
    words = [text.get_text() for ax in figure.axes for text in (*ax.texts, ax.title)]
    words += [ax.get_title(loc="left") for ax in figure.axes]
    assert any("trials" in text and "made up" in text for text in words)
    assert {"TIMIT", "JSB Chorales"} & set(words) or "-iamondb" in name


ODD = {
    "no vanilla": lambda rows: rows[rows.variant == "NP"],
    "one trial each": lambda rows: rows.groupby("variant").head(1),
    "all diverged": lambda rows: rows.assign(test=61.0, valid=61.0, status="diverged"),
    "a search with three": lambda rows: rows[(rows.variant != "NP") | (rows.trial < 3)],
}


@pytest.fixture(scope="module", params=ODD)
def odd(request, study):
    return found(study, {"jsb": ODD[request.param](made_up_trials(study, "jsb", 12))})


@pytest.mark.parametrize("name", figure_names(["jsb"]))
def test_no_study_is_too_odd_for_a_figure(odd, name, tmp_path):
    plot(name, odd, tmp_path / "figure.png")
    assert np.ptp(matplotlib.image.imread(tmp_path / "figure.png")) > 0


def test_drawing_needs_neither_scikit_learn_nor_numba():
    code = "import sys, odyssey.analysis.figures.draw; print({'sklearn', 'numba'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"


@pytest.fixture(scope="module")
def beside(findings):
    """The same findings with the paper's figures asked for."""
    asked = WithPaper(comparable=False, beside=True, distances=(), reason="")
    return dataclasses.replace(findings, paper=dict.fromkeys(findings.tasks, asked))


@pytest.mark.parametrize("name", ["figure3", "figure4", "figure5"])
def test_the_paper_stands_beside_ours_where_asked(findings, beside, name, tmp_path):
    for kind, shown in (("alone", findings), ("both", beside)):
        plot(name, shown, tmp_path / f"{kind}.svg")
    words = [(tmp_path / f"{kind}.svg").read_text() for kind in ("alone", "both")]
    assert ["the paper" in text for text in words] == [False, True]


def test_the_papers_boxes_are_at_its_own_numbers(beside):
    ax = draw("figure3", beside).axes[5]  # below JSB: the best
    grey = [line for line in ax.lines if line.get_color() == GREY]
    drawn = {value for line in grey for value in np.asarray(line.get_ydata(), float).tolist()}
    for box in paper.boxes("jsb", "top").values():
        assert {value for value in (box.low, box.q1, box.median) if value is not None} <= drawn
    thick = [line for line in grey if line.get_linewidth() == 2.2]
    assert thick
    assert min(thick[0].get_xdata()) >= 2  # FGR, the third, is the first that is worse


def test_variants_stand_in_the_papers_order(findings):
    labels = [text.get_text() for text in draw("figure3", findings).axes[0].get_xticklabels()]
    assert labels == list(paper.ORDER)


def test_the_papers_times_are_scaled_to_ours(beside):
    ax = next(ax for ax in draw("figure4", beside).axes if "training time" in ax.get_ylabel())
    assert re.search(r"grey: the paper's ÷ \d+", ax.get_ylabel())
    ours, theirs = (
        next(line for line in ax.lines if line.get_color() == color) for color in (GREEN, GREY)
    )
    at = np.asarray(ours.get_xdata(), float)
    scaled = np.interp(at, theirs.get_xdata(), theirs.get_ydata())
    ratio = np.exp(np.mean(np.log(np.asarray(ours.get_ydata(), float) / scaled)))
    assert ratio == pytest.approx(1, abs=0.1)


def test_the_share_of_the_best_is_the_configs(study, findings):
    comparison = {
        task: dataclasses.replace(own, share=0.5) for task, own in findings.comparison.items()
    }
    half = dataclasses.replace(findings, comparison=comparison)
    for shown, words in ((findings, "best 10 %"), (half, "best 50 %")):
        legend = draw("costs", shown).axes[0].get_legend()
        assert f"{words} by validation" in [text.get_text() for text in legend.get_texts()]


def test_boxes_that_differ_are_blue_and_thick(findings):
    ax = draw("figure3", findings).axes[3]  # below TIMIT: the best
    assert "best" in ax.get_ylabel()
    widths = {line.get_linewidth() for line in ax.lines}
    variants = findings.comparison["timit"].variants
    assert (2.2 in widths) == any(own.top.is_significant for own in variants.values())


def test_axes_follow_the_laws(findings):
    figure = draw("figure4", findings)
    by_label = {ax.get_xlabel(): ax for ax in figure.axes if ax.get_xlabel()}
    assert by_label["learning rate"].get_xscale() == "log"
    assert by_label["learning rate"].get_xlim() == pytest.approx((1e-6, 1e-2))
    assert by_label["input noise (standard deviation)"].get_xscale() == "linear"


def test_the_same_findings_give_the_same_file(findings, tmp_path):
    for name in ("a", "b"):
        plot("differences", findings, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_every_figure_has_a_caption():
    kinds = {name.partition("-")[0] for name in figure_names(["jsb"])}
    assert kinds == {path.stem for path in CAPTIONS.glob("*.rst")} - {"caption"}
    for kind in kinds:
        title, _, text = (CAPTIONS / f"{kind}.rst").read_text().partition("\n\n")
        assert title.startswith("**")
        assert len(text) > 80


def test_an_unknown_figure_is_refused(findings):
    with pytest.raises(ValueError, match="unknown figure 'figure9'"):
        draw("figure9", findings)


def test_tables_come_back_exactly(study, tmp_path):
    tables = [made_up_trials(study, task, 3) for task in ("timit", "jsb")]
    for k, rows in enumerate(tables):
        rows.to_csv(tmp_path / f"{k}.csv", index=False)
        assert (read_trials(tmp_path / f"{k}.csv").learning_rate == rows.learning_rate).all()
    Findings.load([tmp_path / "0.csv", tmp_path / "1.csv"], [], []).save(tmp_path)
    both = read_trials(tmp_path / "trials.csv")
    assert len(both) == 2 * 27
    assert both.query("task == 'jsb'").nesterov.isna().all()

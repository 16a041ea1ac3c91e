"""The page in a browser: whole, quiet, without network; and verdicts that follow the trials."""

import dataclasses
import re

import pytest
import yaml

from odyssey import paper
from odyssey.analysis.claims.of_paper import CLAIMS
from odyssey.analysis.figures.draw import plot
from odyssey.analysis.findings import DataFacts, finite, winner
from odyssey.analysis.records import Distance, WithPaper
from odyssey.analysis.report.page import write_report
from odyssey.runs.products import figure_names
from odyssey.runs.results import note_failure
from odyssey.study.study import load_study
from tests.conftest import ROOT, SCHEMA
from tests.support.analysis_fixtures import found, made_up_curves, made_up_trials
from tests.support.browser import visit

CAPTIONS = sorted((ROOT / "workflow" / "report").glob("*.rst"))
TRIALS = 30


def study_of(**changes):
    return load_study(yaml.safe_load((ROOT / "config.yaml").read_text()) | changes, SCHEMA)


def drawn(findings, folder):
    """Draw all figures; return their files."""
    paths = [folder / f"{name}.svg" for name in figure_names(findings.tasks)]
    for path in paths:
        plot(path.stem, findings, path)
    return paths


def page_of(findings, study, folder, figures=None):
    """Write the page; ``figures`` are those of other findings, where the test is of the words."""
    figures = figures or drawn(findings, folder)
    write_report(study, findings, figures, CAPTIONS, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def study():
    return study_of(tasks=["timit", "jsb"], trials=TRIALS + 1)


@pytest.fixture(scope="module")
def findings(study):
    found_here = found(study, {t: made_up_trials(study, t, TRIALS) for t in study.tasks})
    facts = DataFacts(
        description="made up <b>&",
        comparable=False,
        baselines={"uniform": 60.997},
        notes=("a note",),
        skipped=7,
        left_out={"train/7": "1 <frame>"},
        sequences={"train": 3, "valid": 2, "test": 1},
    )
    curves = made_up_curves(found_here.trials)
    return dataclasses.replace(found_here, curves=curves, data={"jsb": facts})


@pytest.fixture(scope="module")
def figures(findings, tmp_path_factory):
    return drawn(findings, tmp_path_factory.mktemp("figures"))


@pytest.fixture(scope="module")
def page(findings, study, figures, tmp_path_factory):
    return page_of(findings, study, tmp_path_factory.mktemp("page"), figures)


def test_the_page_stands_alone(page):
    text = page.read_text()
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", text)
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "@import" not in text
    assert "url(" not in text


def test_no_nan_reaches_the_reader(page):
    visible = re.sub(r"<(script|style).*?</\1>|data:[^\"]+", "", page.read_text(), flags=re.S)
    assert not re.search(r"\b(nan|None|inf|undefined|Traceback)\b", visible)


def test_text_from_the_study_is_escaped(page):
    assert "made up &lt;b&gt;&amp;" in page.read_text()


def test_the_best_trial_stands_beside_the_papers_and_trivial_models(page, findings):
    text = re.sub(r"\s+", " ", page.read_text())
    row = winner(finite(findings.of("jsb")))
    assert f">{row['test']:.4g}</b> {row['variant']} trial {row['trial']}</td>" in text
    assert "<td>8.38 NIAF</td><td>5.56 (RNN-NADE)</td> <td>uniform 61</td>" in text
    assert "7 items left out" in text


def test_data_that_are_not_the_papers_are_marked_beside_its_figures(
    page, findings, tmp_path, study, figures
):
    text = re.sub(r"\s+", " ", page.read_text())
    assert '<strong class="other-data">not the paper\'s data:</strong> a note</td>' in text
    whole = {"jsb": dataclasses.replace(findings.data["jsb"], comparable=True)}
    same = dataclasses.replace(findings, data=whole)
    assert "not the paper's data" not in page_of(same, study, tmp_path, figures).read_text()


def test_what_was_left_out_of_the_data_is_listed(page):
    text = re.sub(r"\s+", " ", page.read_text())
    assert (
        "Left out of the data of JSB Chorales: 7</summary> <ul><li>train/7: 1 &lt;frame&gt;</li>"
        in text
    )
    assert "… and 6 more" in text


def test_distances_and_boxes_stand_on_the_page_where_the_paper_is_beside(
    findings, study, figures, tmp_path
):
    row = Distance("jsb", "figure 3", 2.016, 1.078, 1.373, 0.0592, "nats per frame", "without NP")
    lost = Distance("jsb", "figure 5", note="V: too few")
    asked = WithPaper(comparable=False, beside=True, distances=(row, lost), reason="")
    beside = dataclasses.replace(findings, paper={"jsb": asked})
    text = re.sub(r"\s+", " ", page_of(beside, study, tmp_path, figures).read_text())
    assert "<td><b>2.02</b></td><td>1.08</td><td>1.37</td>" in text
    assert "V: too few" in text
    theirs = paper.boxes("jsb", "all")["NFG"].median
    ours = findings.trials.query("task == 'jsb' and variant == 'NFG'").test.median()
    assert f'{ours:.3f} <span class="quiet">{ours - theirs:+.3f}</span>' in text
    alone = page_of(findings, study, tmp_path, figures).read_text()
    assert "How far from the paper" not in alone


def test_failed_trials_stand_with_their_reason(findings, figures, tmp_path):
    study = study_of(tasks=["timit", "jsb"], trials=TRIALS + 1, results=str(tmp_path))
    note_failure(study.trial_path("jsb", "NP", TRIALS), "disk <full>")
    text = page_of(findings, study, tmp_path, figures).read_text()
    assert f"trial {TRIALS} failed: disk &lt;full&gt;" in text


def test_a_browser_is_silent_and_offline_and_shows_everything(page, tmp_path):
    seen = visit(
        page,
        tmp_path,
        """
        const images = [...document.images];
        images.forEach((image) => { image.loading = "eager"; });
        await Promise.all(images.map((image) => image.decode()));
        return {
          images: images.filter((image) => image.naturalWidth > 100).length,
          rows: document.querySelectorAll("#table tbody tr").length,
          claims: document.querySelectorAll(".claims tbody tr").length,
          wide: document.documentElement.scrollWidth <= innerWidth,
        };""",
    )
    assert seen.console == []
    assert seen.requests == []
    assert seen.said == {
        "images": len(figure_names(["timit", "jsb"])),
        "rows": 200,
        "claims": len(CLAIMS),
        "wide": True,
    }


def test_the_table_sorts_and_filters(page, findings, tmp_path):
    seen = visit(
        page,
        tmp_path,
        """
        const column = (name) => [...document.querySelectorAll("#table th")]
          .findIndex((cell) => cell.textContent === name);
        const values = (name) => [...document.querySelectorAll("#table tbody tr")]
          .map((row) => row.cells[column(name)].textContent);
        const click = (name) => document.querySelectorAll("#table th")[column(name)].click();
        const filter = document.getElementById("filter");
        const type = (text) => { filter.value = text; filter.dispatchEvent(new Event("input")); };
        type("jsb NP test<30");
        const filtered = document.getElementById("count").textContent;
        click("test");
        const rising = values("test").map(Number);
        click("test");
        const falling = values("test").map(Number);
        type("status=diverged");
        return { filtered, rising, falling, statuses: [...new Set(values("status"))] };""",
    )
    rows = findings.trials.query("task == 'jsb' and variant == 'NP' and test < 30")
    assert seen.said["filtered"] == f"{len(rows)} of {len(findings.trials)} trials"
    assert seen.said["rising"] == pytest.approx(sorted(rows.test), rel=1e-3)
    assert seen.said["falling"] == seen.said["rising"][::-1]
    assert seen.said["statuses"] == ["diverged"]
    assert seen.console == []


def test_a_row_shows_its_learning_curves(page, findings, tmp_path):
    seen = visit(
        page,
        tmp_path,
        """
        document.querySelectorAll("#table tbody tr")[3].click();
        const box = document.getElementById("curve");
        while (box.hidden) await new Promise((done) => setTimeout(done, 10));
        return {
          title: box.querySelector("h3").textContent,
          points: [...box.querySelectorAll("polyline")]
            .map((line) => line.getAttribute("points").split(" ").length),
        };""",
    )
    trial = findings.trials.iloc[3]
    assert f"{trial.task} {trial.variant} trial {trial.trial}:" in seen.said["title"]
    assert seen.said["points"] == [trial.epochs] * 2
    assert seen.console == []


def test_a_narrow_page_does_not_scroll_sideways(page, tmp_path):
    seen = visit(
        page,
        tmp_path,
        """
        const frame = document.createElement("iframe");
        frame.style.width = "400px";
        const scripts = /<script[^]*?<\\/script>/g;
        frame.srcdoc = document.documentElement.outerHTML.replaceAll(scripts, "");
        document.body.append(frame);
        await new Promise((done) => { frame.onload = done; });
        return { width: frame.contentDocument.documentElement.scrollWidth };""",
    )
    assert seen.said["width"] <= 400


def test_missing_and_diverged_trials_are_listed(page, findings):
    text = page.read_text()
    assert f"Diverged trials: {(findings.trials.status == 'diverged').sum()}." in text
    assert f"JSB Chorales NP: 1\n      ({TRIALS})" in text
    assert "Partial:" in text


FIXED = {"hidden": 64, "learning_rate": 1e-3, "momentum": 0.9, "noise": 0.0}


@pytest.mark.parametrize(
    "fixed",
    [("noise",), ("hidden", "momentum", "noise"), tuple(FIXED)],
    ids=len,
)
def test_hyperparameters_may_be_fixed(fixed, tmp_path):
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    laws = {name: {"law": "fixed", "value": FIXED[name]} for name in fixed}
    study = study_of(tasks=["jsb"], trials=20, search_space=config["search_space"] | laws)
    page = page_of(found(study, {"jsb": made_up_trials(study, "jsb", 20)}), study, tmp_path)
    test_no_nan_reaches_the_reader(page)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[:0],
        lambda rows: rows[rows.variant == "NP"],
        lambda rows: rows[rows.trial < 2],
        lambda rows: rows.assign(test=61.0, valid=61.0, status="diverged", diverged_epoch=1),
    ],
    ids=["nothing yet", "no vanilla", "two trials each", "all diverged"],
)
def test_no_study_is_too_odd_for_the_page(spoil, tmp_path):
    study = study_of(tasks=["jsb"], trials=12)
    odd = found(study, {"jsb": spoil(made_up_trials(study, "jsb", 12))})
    page = page_of(odd, study, tmp_path)
    test_no_nan_reaches_the_reader(page)

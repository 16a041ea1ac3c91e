"""The distance to the paper: small for trials made of its own figures, large for others."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from odyssey import paper
from odyssey.analysis import FunctionalANOVA
from odyssey.analysis.distance import distance
from odyssey.analysis.figures.beside import boxes_beside, statistics
from odyssey.cli import main

HALVINGS = 5  # enough for the tests


def of_the_curves(n=200, seed=0, shift=0.0):
    """Vanilla's trials on JSB whose error and time follow the paper's figure 4, without noise."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {name: [law.quantile(u) for u in random.random(n)] for name, law in paper.SPACE.items()}
    )
    error, hours = np.zeros(n), np.zeros(n)
    for name in paper.CURVED:
        curves = paper.curves("jsb", name)
        means = np.mean(curves.error), np.mean(np.log(curves.hours))
        first = name == "learning_rate"
        error += np.interp(rows[name], curves.at, curves.error) - (0 if first else means[0])
        hours += np.interp(rows[name], curves.at, np.log(curves.hours)) - (0 if first else means[1])
    figures = {"valid": error, "test": error + shift, "seconds": 20 * np.exp(hours)}
    return rows.assign(**figures, task="jsb", variant="V", status="finished", parameters=1000)


def of_the_boxes(shift=0.0):
    """All variants' trials with the paper's quartiles and whiskers, where they are all known."""
    tables = []
    for code, box in paper.boxes("jsb", "all").items():
        marks = [box.low, box.q1, box.median, box.q3, box.high]
        if None not in marks:
            test = np.interp(np.linspace(0, 1, 200), np.linspace(0, 1, 5), marks)
            tables.append(of_the_curves().assign(variant=code, valid=test, test=test + shift))
    return pd.concat(tables, ignore_index=True)


def parts(trials, **changes):
    return {row.part: row for row in distance(trials, halvings=HALVINGS, **changes)}


def test_trials_with_the_papers_boxes_are_no_farther_than_chance():
    same, worse = (parts(of_the_boxes(shift))["figure 3, all trials"] for shift in (0, 0.5))
    assert same.distance < same.most
    assert worse.distance > 3 * worse.most
    assert worse.plain == pytest.approx(0.5, abs=0.05)
    assert 0.9 < same.floor < 1.3  # the mean of |N(0, 1) − N(0, 1)| is 1.13


def test_trials_with_the_papers_curves_are_no_farther_than_chance():
    same, worse = (parts(of_the_curves(shift=shift)) for shift in (0, 0.5))
    for part in ("figure 4, error", "figure 4, time"):
        assert same[part].distance < 1.5
    assert worse["figure 4, error"].distance > 5
    assert worse["figure 4, error"].plain == pytest.approx(0.5, abs=0.15)
    assert worse["figure 4, time"] == same["figure 4, time"]
    assert worse["figure 5"].distance == pytest.approx(same["figure 5"].distance, rel=0.2)


def test_machines_of_another_speed_are_no_farther():
    trials = of_the_curves()
    slow = trials.assign(seconds=170 * trials.seconds)
    assert parts(slow)["figure 4, time"].distance == pytest.approx(
        parts(trials)["figure 4, time"].distance, rel=0.01
    )


def test_chance_is_larger_where_there_are_fewer_trials():
    few, many = parts(of_the_curves(50)), parts(of_the_curves(200))
    for part in ("figure 3, all trials", "figure 4, error"):
        assert few[part].floor > 1.2 * many[part].floor


def noisy(seed):
    noise = np.random.default_rng(seed).normal(scale=0.15, size=200)
    return of_the_curves(seed=seed).assign(test=lambda rows: rows.test + noise)


def test_chance_is_what_two_samples_of_one_search_differ_by():
    """The floor of figure 4 of one sample against four pairs of independent ones."""
    apart = []
    for seed in range(0, 8, 2):
        anovas = [
            FunctionalANOVA(paper.SPACE, setting="paper", totals=False, random_state=0).fit(
                rows, rows.test
            )
            for rows in map(noisy, (seed, seed + 1))
        ]
        for name in paper.CURVED:
            curves = paper.curves("jsb", name)
            at = np.linspace(0.02, 0.98, 100)
            one, two = (anova.marginal(name, at)[0] for anova in anovas)
            band = np.sqrt(np.mean(np.square(curves.error_std)))
            apart.append(np.sqrt(np.mean((one - two) ** 2)) / band)
    floor = parts(noisy(0))["figure 4, error"].floor
    assert floor == pytest.approx(np.mean(apart), rel=0.35)


def test_what_cannot_be_compared_says_why():
    beyond = parts(of_the_curves().assign(learning_rate=0.5))
    assert "learning_rate: 0.5 lies outside" in beyond["figure 4, error"].note
    assert beyond["figure 4, error"].distance is None
    assert beyond["figure 3"].distance is not None
    assert "at least 20 trials, got 5" in parts(of_the_curves(5))["figure 5"].note
    assert "no variant of the paper has 10 trials" in parts(of_the_curves(5))["figure 3"].note
    assert parts(of_the_curves())["figure 3"].note.startswith("without CIFG, FGR")
    no_vanilla = of_the_curves().assign(variant="NP")
    assert "V: " in parts(no_vanilla)["figure 5"].note


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: rows.drop(columns=["valid", "noise"]), "needs the columns valid, noise"),
        (lambda rows: rows.assign(test="good"), "columns test must hold numbers"),
        (lambda rows: rows[:0], "needs trials of timit, iamondb, jsb, got none"),
        (lambda rows: rows.assign(task="chess"), "needs trials of timit, iamondb, jsb, got none"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(spoil, message):
    with pytest.raises(ValueError, match=message) as error:
        distance(spoil(of_the_curves()))
    assert "\n" not in str(error.value)


def test_trials_without_a_figure_are_left_out():
    trials = of_the_curves(199)
    unknown = trials[:1].assign(test=np.nan, valid=np.nan, status="diverged")
    assert parts(pd.concat([trials, unknown])) == parts(trials)


def test_boxes_stand_beside_the_papers():
    rows = boxes_beside(of_the_boxes())
    (row,) = (row for row in rows if (row.scope, row.variant) == ("all", "NP"))
    theirs = paper.boxes("jsb", "all")["NP"]
    assert row.paper == theirs
    assert row.ours["low"] == theirs.low
    assert row.ours["high"] == theirs.high
    assert row.ours["median"] == pytest.approx(theirs.median, abs=0.01)
    assert statistics(np.array([1.0, 2.0, 6.0]))["mean"] == 3


def test_the_command_reads_tables_and_refuses_others(tmp_path):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    of_the_curves().to_csv(good, index=False)
    bad.write_text("a,b\n1,2\n")
    run = CliRunner().invoke(main, ["distance", "--json", str(good)])
    found = json.loads(run.output)[str(good)]
    assert [row["part"] for row in found] == list(parts(of_the_curves()))
    shown = CliRunner().invoke(main, ["distance", "--boxes", str(good)])
    assert shown.output.count("(+") + shown.output.count("(-") == 12  # two boxes of six numbers
    assert "jsb figure 4, time" in shown.output
    refused = CliRunner().invoke(main, ["distance", str(bad)])
    assert refused.exit_code == 1
    assert f"{bad}: a table of trials needs the columns task" in refused.output
    bad.write_bytes(b"\x89PNG\r\n")
    refused = CliRunner().invoke(main, ["distance", str(bad)])
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert f"{bad}: must be a table of trials as CSV" in refused.output

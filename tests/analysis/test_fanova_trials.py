"""Anybody's trials: readers, inferred laws, questions at one setting, Optuna, the command."""

import json
import subprocess
import sys
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from odyssey.analysis import FunctionalANOVA
from odyssey.analysis.fanova.of_trials import importance
from odyssey.analysis.fanova.questions import ablation, capped, local_importance, value_at
from odyssey.analysis.fanova.tables import (
    inferred,
    law_of_text,
    read_trials_of,
    text_of_law,
)
from odyssey.analysis.fanova.trials import UnusableTrials
from odyssey.analysis.fanova.usable import Asked
from odyssey.cli import main
from odyssey.study.search import Choice, LogUniform, Uniform
from odyssey.study.study import Study
from tests.conftest import ROOT
from tests.support.analysis_fixtures import made_up_trials

SPACE = {
    "lr": LogUniform(1e-5, 1e-1),
    "layers": Uniform(1, 6, integer=True),
    "opt": Choice(("adam", "sgd")),
}


def made_up(n=120, seed=0):
    random = np.random.default_rng(seed)
    table = pd.DataFrame(
        {name: [law.quantile(u) for u in random.random(n)] for name, law in SPACE.items()}
    )
    u = np.log10(table.lr) / 4
    table["loss"] = (u + 0.75) ** 2 * 8 + 0.1 * (table.layers - 3) ** 2 * (table.opt == "sgd")
    return table


@pytest.fixture(scope="module")
def anova():
    table = made_up()
    return FunctionalANOVA(SPACE, trees=6, totals=False, random_state=0).fit(table, table.loss)


# Questions, against brute force on a grid.


def grid(anova, at, factor, points=6000):
    """The forest's values along one factor through a setting, at midpoints of fine cells."""
    point = anova.point(at)
    values = []
    for u in (np.arange(points) + 0.5) / points:
        point[anova.names_.index(factor)] = u
        values.append(value_at(anova.boxes_, point))
    return np.array(values)


def test_local_importance_is_the_variance_along_each_line_of_a_grid(anova):
    at = {"lr": 1e-3, "layers": 5, "opt": "sgd"}
    lines = {name: np.var(grid(anova, at, name)) for name in SPACE}
    found = local_importance(anova, at)
    assert sum(found.values()) == pytest.approx(1)
    for name, variance in lines.items():
        assert found[name] == pytest.approx(variance / sum(lines.values()), abs=2e-3)


def test_the_value_at_a_setting_is_what_the_trees_sum_up_to(anova):
    """With one factor alone it is the marginal."""
    table = made_up()
    alone = FunctionalANOVA({"lr": SPACE["lr"]}, trees=4, totals=False, random_state=0)
    alone.fit(table, table.loss)
    at = np.linspace(0.013, 0.987, 7)
    values = [value_at(alone.boxes_, np.array([u])) for u in at]
    np.testing.assert_allclose(values, alone.marginal("lr", at)[0], rtol=1e-12)


def test_the_ablation_path_takes_ever_the_best_next_step(anova):
    start, end = {"lr": 1e-1, "layers": 6, "opt": "sgd"}, {"lr": 2e-3, "layers": 3, "opt": "adam"}
    path = ablation(anova, start, end)
    assert [path[0].factor, {step.factor for step in path[1:]}] == ["", set(SPACE)]
    assert path[0].value == pytest.approx(value_at(anova.boxes_, anova.point(start)))
    assert path[-1].value == pytest.approx(value_at(anova.boxes_, anova.point(end)))

    def values(order):
        now, found = dict(start), []
        for name in order:
            now[name] = end[name]
            found.append(value_at(anova.boxes_, anova.point(now)))
        return found

    # Of all orders the greedy one is first in the order of words.
    assert [step.value for step in path[1:]] == min(map(values, permutations(SPACE)))


def test_the_best_share_is_what_is_left_of_the_figures():
    y = np.arange(100.0)
    assert capped(y, 0.1).max() == 10
    assert (capped(y, 1.0) == y).all()
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        capped(y, 0)


# Laws.


@pytest.mark.parametrize(
    ("values", "law"),
    [
        (10 ** np.linspace(-5, -1, 50), "log-uniform"),
        (np.linspace(0.001, 0.6, 50), "uniform"),
        ([1, 2, 3, 4] * 10, "choice"),
        (["a", "b"] * 10, "choice"),
        ([True, False] * 10, "choice"),
    ],
)
def test_a_law_is_inferred_and_can_be_given_as_it_is_printed(values, law):
    found = inferred(pd.Series(values))
    text = text_of_law("x", found)
    assert text.startswith(f"x={law}:")
    name, again = law_of_text(text)
    assert (name, text_of_law(name, again)) == ("x", text)


@pytest.mark.parametrize("values", [[3.0] * 20, [f"run {k}" for k in range(20)]])
def test_a_column_that_says_nothing_is_no_factor(values):
    assert inferred(pd.Series(values)) is None


# Readers and bad rows.


def test_bad_rows_are_named_by_their_line(tmp_path):
    table = made_up().astype({"loss": object})
    table.loc[3, "loss"] = "diverged"
    table.loc[8, "lr"] = 7.0
    table.to_csv(tmp_path / "t.csv", index=False)
    found = importance(read_trials_of(str(tmp_path / "t.csv")), Asked("loss", laws=SPACE, trees=8))
    assert any(note.startswith("line 5: loss is 'diverged'") for note in found.notes)
    assert any(note.startswith("line 10: lr is 7.0") for note in found.notes)
    assert found.trials == 118


def test_a_conditional_factor_stands_on_the_trials_that_have_it(tmp_path):
    table = made_up()
    table["momentum"] = np.where(table.opt == "sgd", np.linspace(0, 1, len(table)), np.nan)
    table.to_csv(tmp_path / "t.csv", index=False)
    found = importance(read_trials_of(str(tmp_path / "t.csv")), Asked("loss", laws=SPACE, trees=8))
    count = int((table.opt == "sgd").sum())
    assert found.conditional == {"momentum": count}
    assert any(f"momentum: {count} of 120 trials have it" in note for note in found.notes)
    own = FunctionalANOVA(
        {"momentum": inferred(table.momentum), **{n: SPACE[n] for n in ("lr", "layers")}},
        trees=8,
        totals=False,
        random_state=0,
    ).fit(table[table.opt == "sgd"], table.loss[table.opt == "sgd"])
    share = next(e.estimate for e in found.effects if e.factors == ("momentum",))
    assert share == pytest.approx(own.fraction("momentum")["mean_forest"])


def test_ray_tunes_folder_gives_the_last_result_of_every_trial(tmp_path):
    for k, row in made_up(12).iterrows():
        folder = tmp_path / f"trial_{k}"
        folder.mkdir()
        config = {"model": {"lr": row.lr, "layers": int(row.layers)}, "opt": row.opt}
        (folder / "params.json").write_text(json.dumps(config), encoding="utf-8")
        lines = [json.dumps({"loss": row.loss + e, "training_iteration": 2 - e}) for e in (1, 0)]
        (folder / "result.json").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "result.json").write_text("", encoding="utf-8")
    trials = read_trials_of(str(tmp_path))
    assert len(trials.table) == 12
    assert set(trials.table) == {"loss", "training_iteration", "model/lr", "model/layers", "opt"}
    assert sorted(trials.table.loss) == pytest.approx(sorted(made_up(12).loss))
    assert trials.left_out == {"without a result": 1}


def test_wandbs_export_leaves_out_what_did_not_finish(tmp_path):
    table = made_up(20).assign(Name="run", Created="now", State=["finished"] * 17 + ["crashed"] * 3)
    table.to_csv(tmp_path / "wandb.csv", index=False)
    trials = read_trials_of(str(tmp_path / "wandb.csv"))
    assert (len(trials.table), trials.left_out) == (17, {"crashed": 3})


def test_parquet_needs_pyarrow_and_says_so(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(UnusableTrials, match="pip install pyarrow"):
        read_trials_of(str(tmp_path / "t.parquet"))


# Optuna.


@pytest.fixture(scope="module")
def study():
    optuna = pytest.importorskip("optuna", reason="optuna is a development package")
    from odyssey.analysis.fanova.optuna_trials import as_study

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return as_study(made_up(), SPACE, "loss")


def test_a_study_comes_back_as_it_went_in(study):
    from odyssey.analysis.fanova.optuna_trials import of_study

    trials = of_study(study)
    assert dict(trials.laws) == SPACE
    pd.testing.assert_frame_equal(
        trials.table[[*SPACE, "value"]], made_up().rename(columns={"loss": "value"})
    )


def test_pruned_and_failed_trials_are_counted_and_objectives_are_columns():
    import optuna

    from odyssey.analysis.fanova.optuna_trials import of_study

    two = optuna.create_study(directions=["minimize", "maximize"])
    law = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for k in range(3):
        two.add_trial(
            optuna.trial.create_trial(params={"x": k / 4}, distributions=law, values=[k, -k])
        )
    state = optuna.trial.TrialState.FAIL
    two.add_trial(optuna.trial.create_trial(state=state, params={"x": 0.5}, distributions=law))
    trials = of_study(two)
    assert list(trials.table.values_1) == [0, -1, -2]
    assert trials.targets == ["values_0", "values_1"]
    assert trials.left_out == {"fail": 1}


def test_optuna_takes_our_evaluator_and_gets_our_shares(study):
    import optuna

    from odyssey.analysis.fanova.optuna_evaluator import OdysseyImportanceEvaluator

    ours = OdysseyImportanceEvaluator(n_trees=16, seed=0)
    found = ours.evaluate(study)
    table = made_up()
    anova = FunctionalANOVA(SPACE, trees=16, totals=False, random_state=0).fit(table, table.loss)
    assert set(found) == set(SPACE)
    assert found["lr"] == pytest.approx(anova.fraction("lr")["mean_forest"], abs=0.02)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(optuna.importance.get_param_importances(study, evaluator=ours).values()) == (
        pytest.approx(1)
    )
    one = optuna.importance.get_param_importances(study, evaluator=ours, params=["lr"])
    assert list(one) == ["lr"]


# The command.


def run(tmp_path, *options, table=None):
    (made_up() if table is None else table).to_csv(tmp_path / "t.csv", index=False)
    words = ["fanova", str(tmp_path / "t.csv"), "--out", str(tmp_path / "out"), "--trees", "8"]
    return CliRunner().invoke(main, [*words, *options])


def test_the_command_writes_a_page_that_holds_all_figures(tmp_path):
    default = [f"--default={text}" for text in ("lr=0.05", "layers=6", "opt=sgd")]
    laws = ["--law=lr=log-uniform:1e-5:1e-1"]
    ran = run(tmp_path, "--target", "loss", "--bootstrap", "3", *laws, *default)
    assert ran.exit_code == 0, ran.output
    assert "inferred from the values, to be corrected: --law 'layers=choice:" in ran.output
    page = (tmp_path / "out" / "fanova.html").read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml;base64,") == 4
    assert "lr=log-uniform:1e-05:0.1" in page
    found = json.loads((tmp_path / "out" / "fanova.json").read_text(encoding="utf-8"))
    table = pd.read_csv(tmp_path / "out" / "effects.csv")
    assert len(table) == len(found["effects"]) == 3 + 3 + 1
    assert table.mean_forest.sum() == pytest.approx(1)


def test_of_a_studys_table_what_it_searched_is_a_factor_and_has_its_law(tmp_path, config):
    trials = made_up_trials(Study(config), "jsb", 40)
    space = Study(config).search_space("jsb")
    chosen = ("--task", "jsb", "--variant", "V", "--directory", str(ROOT))
    ran = run(tmp_path, *chosen, table=trials)
    assert ran.exit_code == 0, ran.output
    assert "inferred" not in ran.output
    found = json.loads((tmp_path / "out" / "fanova.json").read_text(encoding="utf-8"))
    mains = {e["factors"][0] for e in found["effects"] if e["kind"] == "main"}
    assert mains == {name for name, law in space.items() if len(set(law.extremes)) > 1}


def test_of_our_own_table_no_result_is_a_factor(tmp_path, config):
    trials = made_up_trials(Study(config), "jsb", 40).assign(train=1.0, seconds_per_epoch=2.0)
    trials["train"] += trials.test
    ran = run(tmp_path, "--target", "test", "--variant", "V", table=trials)
    assert ran.exit_code == 0, ran.output
    found = json.loads((tmp_path / "out" / "fanova.json").read_text(encoding="utf-8"))
    mains = {e["factors"][0] for e in found["effects"] if e["kind"] == "main"}
    assert mains == {"hidden", "learning_rate", "momentum", "noise"}


def test_maximizing_turns_the_figures_and_not_the_shares(tmp_path):
    table = made_up()
    down = importance(of_table(tmp_path, table), Asked("loss", laws=SPACE, trees=8))
    table["loss"] = -table.loss
    up = importance(of_table(tmp_path, table), Asked("loss", True, laws=SPACE, trees=8))
    assert [e.estimate for e in up.effects] == [e.estimate for e in down.effects]
    assert up.curves["lr"].mean == tuple(-v for v in down.curves["lr"].mean)


def of_table(tmp_path, table):
    table.to_csv(tmp_path / "own.csv", index=False)
    return read_trials_of(str(tmp_path / "own.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--target must name the column"),
        (["--target", "los"], "no column 'los'"),
        (["--target", "loss", "--law", "lr=log:1:2"], "a law must be NAME=LAW:LOW:HIGH"),
        (["--target", "loss", "--law", "lr=uniform:2:1"], "low < high"),
        (["--target", "loss", "--law", "x=uniform:0:1"], "no column 'x'"),
        (["--target", "loss", "--law", "lr=uniform:0.5:1"], "at least 10 usable trials"),
        (["--target", "loss", "--default", "lr=0.01"], "are missing"),
        (["--target", "loss", "--default", "lr"], "NAME=VALUE"),
        (["--target", "loss", "--variant", "V"], "no row whose variant"),
    ],
)
def test_what_a_user_gets_wrong_is_said_in_one_line(tmp_path, options, message):
    ran = run(tmp_path, *options)
    assert ran.exit_code == 1
    assert ran.output.startswith("Error: ")
    assert message in ran.output
    assert ran.output.count("\n") == 1


@pytest.mark.parametrize("source", ["nothing.csv", "sqlite:///nothing.db"])
def test_a_source_that_is_not_there_is_said_in_one_line(source):
    ran = CliRunner().invoke(main, ["fanova", source, "--target", "loss"])
    assert (ran.exit_code, ran.output.count("\n")) == (1, 1)
    assert "no such file" in ran.output


# Without the rest of the project.


def test_the_estimator_needs_neither_mxnet_nor_snakemake_nor_hdf5():
    blocked = "mxnet snakemake h5py matplotlib music21 optuna click rich jinja2 jsonschema yaml"
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked.split()!r}:
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
from odyssey.analysis import FunctionalANOVA
from odyssey.analysis.fanova.tables import read_trials_of
from odyssey.study.search import Uniform
import pandas as pd
x = pd.DataFrame({{"a": [k / 40 for k in range(40)]}})
print(FunctionalANOVA({{"a": Uniform(0, 1)}}, trees=4).fit(x, x.a).fraction("a")["fraction"])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) == pytest.approx(1)

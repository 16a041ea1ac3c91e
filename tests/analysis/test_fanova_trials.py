"""Anybody's trials: readers, inferred laws, questions at one setting, Optuna, the command."""

import json
import re
import subprocess
import sys
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.tree import DecisionTreeRegressor

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
from odyssey.study.study import Study, load_study
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


def grid_shares(X, y, trees, seed):
    """Shares of mains and of the pair, of two factors and two levels, by scikit-learn's own trees.

    Each tree is asked in the middle of every cell of the grid of all its cuts.
    """
    random, n, shares = np.random.RandomState(seed), len(y), []
    for _ in range(trees):
        bag, own = random.randint(0, n, n), np.random.RandomState()
        own.set_state(random.get_state())
        random.randint(0, 2**31 - 1)
        tree = DecisionTreeRegressor(random_state=own).fit(X[bag].astype(np.float32), y[bag])
        cuts = [tree.tree_.threshold[tree.tree_.feature == j] for j in range(3)]
        edges = [np.unique([0.0, *own_cuts, 1.0]) for own_cuts in cuts]
        middles = np.meshgrid(*((e[1:] + e[:-1]) / 2 for e in edges), indexing="ij")
        f = tree.predict(np.stack([m.ravel() for m in middles], axis=1)).reshape(middles[0].shape)
        w = [np.diff(e) for e in edges]
        mean = np.einsum("ijk,i,j,k", f, *w)
        whole = np.einsum("ijk,i,j,k", (f - mean) ** 2, *w)
        a, b = np.einsum("ijk,j,k", f, *w[1:]) - mean, np.einsum("ijk,i,k", f, w[0], w[2]) - mean
        both = np.einsum("ijk,k", f, w[2]) - mean - a[:, None] - b
        parts = (w[0] @ a**2, w[1] @ b**2, np.einsum("ij,i,j", both**2, *w[:2]))
        shares.append(np.array(parts) / whole)
    return np.mean(shares, axis=0)


def test_among_the_best_share_the_shares_are_those_of_a_grid(tmp_path):
    """The slope, which a cliff hides among all trials, matters among the good ones."""
    random = np.random.default_rng(4)
    u = random.random((80, 3))
    table = pd.DataFrame(u, columns=["cliff", "slope", "side"])
    table["side"] = np.where(u[:, 2] < 0.5, "one", "two")
    table["loss"] = 10 * (table.cliff > 0.3) + table.slope + 0.2 * (table.side == "one")
    laws = {"cliff": Uniform(0, 1), "slope": Uniform(0, 1), "side": Choice(("one", "two"))}
    X = np.column_stack([u[:, 0], u[:, 1], np.where(u[:, 2] < 0.5, 0.25, 0.75)])
    X[:, :2] = (X[:, :2] - X[:, :2].min(axis=0)) / np.ptp(X[:, :2], axis=0)
    slopes = []
    for top in (0.15, 1.0):
        asked = Asked("loss", laws=laws, top=top, trees=5, setting="paper")
        found = {
            e.factors: e.fraction for e in importance(of_table(tmp_path, table), asked).effects
        }
        limit = np.sort(table.loss)[int(np.ceil(top * 79))]
        golden = grid_shares(X, np.minimum(table.loss.to_numpy(), limit), 5, 0)
        keys = [("cliff",), ("slope",), ("cliff", "slope")]
        assert [found[key] for key in keys] == pytest.approx(list(golden), abs=1e-12)
        slopes.append(found["slope",])
    assert slopes[0] > 5 * slopes[1]


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


def test_a_slip_among_numbers_costs_its_row_alone(tmp_path):
    table = made_up().astype({"lr": object, "layers": object, "loss": object})
    table.loc[3, ["lr", "loss"]] = "1e-3q", "nan"  # of no use anyway
    table.loc[8, "layers"] = "two"
    table.to_csv(tmp_path / "t.csv", index=False)
    asked = Asked("loss", trees=8)
    found = importance(read_trials_of(str(tmp_path / "t.csv")), asked)
    assert any(note.startswith("line 10: layers is 'two', not of layers=") for note in found.notes)
    table.drop([3, 8]).to_csv(tmp_path / "clean.csv", index=False)
    clean = importance(read_trials_of(str(tmp_path / "clean.csv")), asked)
    assert {"lr", "layers"} <= set(found.factors)
    assert found.effects == clean.effects
    assert inferred(pd.Series([0.1, 0.2, 0.3, "auto", "auto"] * 4)).levels[-1] == "auto"


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


#: What Ray 2.60 writes beside a trial's own results.
RAY = {
    "timestamp": 1795685728,
    "checkpoint_dir_name": None,
    "done": False,
    "trial_id": "488eb_00012",
    "date": "2026-11-26_09-35-28",
    "time_this_iter_s": 0.0003,
    "time_total_s": 0.0003,
    "hostname": "vm",
    "node_ip": "192.0.2.2",
    "time_since_restore": 0.0003,
    "iterations_since_restore": 1,
}


def test_ray_tunes_folder_gives_the_last_result_of_every_trial(tmp_path):
    table = made_up(14)
    for k, row in table.iterrows():
        folder = tmp_path / f"f_488eb_{k:05}_{k}_lr={row.lr:.4f}_2026-11-26_09-32-23"
        folder.mkdir()
        config = {"model": {"lr": row.lr, "layers": int(row.layers)}, "opt": row.opt, "sizes": [3]}
        (folder / "params.json").write_text(json.dumps(config), encoding="utf-8")
        lines = [
            {"loss": row.loss + 1 - e, "training_iteration": e, **RAY, "pid": k, "config": config}
            for e in (0, 1)
        ]
        text = "\n".join(map(json.dumps, lines)) if k != 12 else ""
        (folder / "result.json").write_text(text, encoding="utf-8")
        if k >= 12:
            (folder / "error.txt").write_text("Traceback", encoding="utf-8")
    trials = read_trials_of(str(tmp_path))
    assert trials.left_out == {"without a result": 1, "failed": 1}
    assert list(trials.table.loss) == pytest.approx(list(table.loss[:12]))
    assert list(trials.table["model/lr"]) == list(table.lr[:12])
    found = importance(trials, Asked("loss", trees=4))
    assert {"model/lr", "opt"} <= set(found.factors) <= {"model/lr", "model/layers", "opt"}


def test_wandbs_export_leaves_out_what_did_not_finish(tmp_path):
    """Its columns: about the run, then the config by dotted names, then the summary."""
    own = made_up(20).rename(columns={"lr": "optimizer.lr"})
    about = {"Name": "dry-sun-1", "State": ["finished"] * 17 + ["crashed", "running", "crashed"]}
    about |= {"Notes": "-", "User": "me", "Tags": "", "Created": "2026-11-26T09:00:00.000Z"}
    about |= {"Runtime": range(20), "Sweep": "abc"}
    summary = {"_runtime": range(20), "_timestamp": range(20), "_step": range(20)}
    table = pd.DataFrame(about).join(own).assign(**summary)
    table.to_csv(tmp_path / "wandb.csv", index=False, quoting=1)
    trials = read_trials_of(str(tmp_path / "wandb.csv"))
    assert (len(trials.table), trials.left_out) == (17, {"crashed": 2, "running": 1})
    found = importance(trials, Asked("loss", trees=4))
    assert set(found.factors) == {"optimizer.lr", "layers", "opt"}


def test_laws_come_from_a_file_too(tmp_path):
    laws = {
        "opt: {law: choice, levels: [adam, sgd]}": Choice(("adam", "sgd")),
        "lr: {law: log-uniform, low: 1.0e-5, high: 0.1}": LogUniform(1e-5, 1e-1),
        "layers: {law: uniform, low: 1, high: 6, integer: true}": SPACE["layers"],
    }
    (tmp_path / "laws.yaml").write_text("\n".join(laws), encoding="utf-8")
    ran = run(tmp_path, "--target", "loss", "--space", str(tmp_path / "laws.yaml"))
    assert ran.exit_code == 0, ran.output
    found = json.loads((tmp_path / "out" / "fanova.json").read_text(encoding="utf-8"))
    for entry, law in laws.items():
        name = entry.split(":")[0]
        assert found["laws"][name] == text_of_law(name, law)
        assert name not in found["inferred"]


@pytest.mark.parametrize(
    "entry",
    ["lr", "lr: {law: log}", "lr: {law: log-uniform, low: 1e-5, high: 0.1}", "- lr", "lr: {",
     "opt: {law: choice, levels: adam}", "opt: {levels: [adam]}"],
)  # fmt: skip
def test_a_file_of_laws_that_are_none_is_refused_in_one_line(tmp_path, entry):
    (tmp_path / "laws.yaml").write_text(entry, encoding="utf-8")
    ran = run(tmp_path, "--target", "loss", "--space", str(tmp_path / "laws.yaml"))
    assert (ran.exit_code, ran.output.count("\n")) == (1, 1)
    assert "each line must be like" in ran.output


def test_a_parquet_table_is_read_as_a_csv_is(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is the user's own", exc_type=ImportError)
    table = made_up(20).astype({"opt": "category"})
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(
        read_trials_of(str(tmp_path / "t.parquet")).table.astype({"opt": object}), made_up(20)
    )


def test_parquet_needs_pyarrow_and_says_so(tmp_path, monkeypatch):
    (tmp_path / "t.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(UnusableTrials, match='pip install "pyarrow'):
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


def test_of_one_variant_what_it_has_nothing_for_is_no_factor(tmp_path, config):
    """NFG has no forget gate and so no bias of it: the study knows, and so does the command."""
    config["search_space"]["forget_bias"] = {"law": "uniform", "low": 0, "high": 2}
    config["variants"] = ["V", "NFG"]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    study = load_study(config)
    assert study.lacking("jsb", "NFG") == ("forget_bias",)
    trials = made_up_trials(study, "jsb", 40)
    chosen = ("--task", "jsb", "--directory", str(ROOT))
    chosen += ("--configfile", str(tmp_path / "study.yaml"))
    trials.loc[trials.variant == "NFG", "forget_bias"] = np.nan
    mains = {}
    for variant in ("NFG", None):
        only = ("--variant", variant) if variant else ()
        ran = run(tmp_path, *chosen, *only, table=trials)
        assert ran.exit_code == 0, ran.output
        found = json.loads((tmp_path / "out" / "fanova.json").read_text(encoding="utf-8"))
        mains[variant] = {e["factors"][0] for e in found["effects"] if e["kind"] == "main"}
    assert mains[None] == mains["NFG"] | {"forget_bias", "variant"}
    assert found["conditional"] == {"forget_bias": 40}


def test_of_our_own_table_no_result_is_a_factor(tmp_path, config):
    trials = made_up_trials(Study(config), "jsb", 40).assign(train=1.0, seconds_per_epoch=2.0)
    trials["train"] += trials.test
    ran = run(tmp_path, "--target", "test", "--variant", "V", table=trials)
    assert ran.exit_code == 0, ran.output
    found = json.loads((tmp_path / "out" / "fanova.json").read_text(encoding="utf-8"))
    mains = {e["factors"][0] for e in found["effects"] if e["kind"] == "main"}
    assert mains == {"hidden", "learning_rate", "momentum", "noise"}


# For other tools.


def test_trials_written_for_optuna_have_the_same_shares_there(tmp_path):
    pytest.importorskip("optuna", reason="optuna is a development package")
    storage = f"sqlite:///{tmp_path / 'own.db'}"
    laws = [f"--law={text_of_law(name, law)}" for name, law in SPACE.items()]
    ran = run(tmp_path, "--target", "loss", "--maximize", *laws, "--to-optuna", storage)
    assert ran.exit_code == 0, ran.output
    assert f"{storage}: study t of 120 trials, for Optuna" in ran.output
    first = pd.read_csv(tmp_path / "out" / "effects.csv")
    again = ["fanova", storage, "--maximize", "--out", str(tmp_path / "out"), "--trees", "8"]
    ran = CliRunner().invoke(main, again)
    assert ran.exit_code == 0, ran.output
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "effects.csv"), first)
    ran = run(tmp_path, "--target", "loss", "--to-optuna", storage)
    assert (ran.exit_code, ran.output.count("\n")) == (1, 1)
    assert "holds a study 't' already" in ran.output


def test_a_run_for_deepcave_is_in_its_format(tmp_path):
    """Its DataFrameRun reads names, types, bounds and items; a metric's name has its range."""
    table = made_up().assign(batch=[16, 32] * 60, momentum=np.linspace(0.01, 0.99, 120))
    table.loc[::2, "decay"] = np.linspace(0, 1, 60)
    laws = [f"--law={text_of_law(name, law)}" for name, law in SPACE.items()]
    laws += ["--law=batch=choice:16,32", "--law=momentum=one-minus-log-uniform:0.01:1"]
    ran = run(tmp_path, "--target=loss", *laws, f"--to-deepcave={tmp_path / 'run'}", table=table)
    assert ran.exit_code == 0, ran.output
    assert "a run of 120 trials, for DeepCAVE" in ran.output
    space = pd.read_csv(tmp_path / "run" / "configspace.csv").set_index("name")
    trials = pd.read_csv(tmp_path / "run" / "trials.csv")
    assert {"type", "lower", "upper", "log", "default", "ordered"} < set(space)
    assert {"config_id", "start_time", "end_time", "status"} < set(trials)
    metric = r"metric:(\w+) \[(-?\d+\.?\d*|[-+]inf); (-?\d+\.?\d*|[-+]inf)\] \((\w+)\)"
    match = re.match(metric, next(c for c in trials if c.startswith("metric")))
    assert match.group(1, 2, 3, 4) == ("loss", "-inf", "+inf", "minimize")
    assert dict(space.type) == {
        "lr": "float", "layers": "integer", "opt": "categorical", "batch": "categorical",
        "1-momentum": "float",
    }  # fmt: skip
    assert set(trials.status.str.upper()) == {"SUCCESS"}
    for name, row in space.iterrows():
        if row.type == "categorical":
            items = {row[c] for c in space if c.startswith("item_") and pd.notna(row[c])}
            assert set(trials[name]) == items
            assert row.default in items
        else:
            assert trials[name].between(float(row.lower), float(row.upper)).all()
            assert bool(row.log) == (name in ("lr", "1-momentum"))
    np.testing.assert_allclose(1 - trials["1-momentum"], table.momentum, rtol=1e-12)
    assert trials.decay.isna().sum() == 60


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
        (["--target", "loss", "--to-optuna", "nothing://x"], "nothing://x: "),
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

"""Data of one's own: what an entry and a file make of a task, and what is wrong with them."""

import copy
import json
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from odyssey.cli import main
from odyssey.datasets import DataError, load_dataset, save_arrays
from odyssey.losses import get_loss
from odyssey.runs.products import PreparedData
from odyssey.storage.arrays import read_arrays
from odyssey.study.study import ConfigError, load_study
from odyssey.tasks import TASKS, get_task
from odyssey.tasks.prepare import prepare
from tests.conftest import ROOT
from tests.support.own_data import D, K, pairs, sets, write_csv
from tests.support.rows import rows_of_a_test

LOSSES = ["softmax", "ctc", "bernoulli", "squared"]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    """Work in a folder of its own, and forget the rows in the end."""
    monkeypatch.chdir(tmp_path)
    with rows_of_a_test():
        yield tmp_path


@pytest.fixture
def open_study(config):
    """Return a function that opens a study of the task ``moods`` with an entry."""

    def opened(**entry):
        entry = {"source": "arrays", "path": "moods.h5", "loss": "softmax"} | entry
        changed = copy.deepcopy(config) | {"tasks": ["moods"], "variants": ["V"]}
        changed["data"]["moods"] = entry
        return load_study(changed)

    return opened


def prepared(study, out):
    return prepare("moods", out=out, **study.data_options("moods"))


@pytest.mark.parametrize("kind", ["h5", "npz", "csv"])
@pytest.mark.parametrize("loss", LOSSES)
def test_sequences_come_back_as_they_were_written(loss, kind, tmp_path, open_study):
    found, path = sets(loss), tmp_path / f"moods.{kind}"
    write_csv(path, found) if kind == "csv" else save_arrays(path, **found)
    data = prepared(open_study(path=str(path), loss=loss, normalise=False), tmp_path / "out.h5")
    row = get_task("moods")
    assert (row.inputs, row.outputs) == (D, K)
    for name, expected in found.items():
        assert len(data.splits[name]) == len(expected)
        for (x, y), (x_given, y_given) in zip(data.splits[name], expected, strict=True):
            assert (x == x_given.astype(np.float32)).all()
            assert (y == y_given).all()
            assert y.dtype == get_loss(loss).targets.dtype
    assert data.baselines.keys() == get_loss(loss).trivial_models(data.train.targets, K).keys()
    assert all(np.isfinite(value) for value in data.baselines.values())


def test_inputs_are_scaled_on_the_training_set_unless_it_is_said_otherwise(tmp_path, open_study):
    save_arrays("moods.h5", **sets("squared"))
    data = prepared(open_study(loss="squared"), tmp_path / "out.h5")
    assert data.train.inputs.mean(axis=0) == pytest.approx(np.zeros(D), abs=1e-6)
    assert data.train.inputs.std(axis=0) == pytest.approx(np.ones(D), abs=1e-6)


def test_one_label_of_a_sequence_is_that_of_its_last_frame(tmp_path, open_study):
    labelled = [(x, int(y[0])) for x, y in pairs("softmax", 9, 1)]
    save_arrays("moods.npz", train=labelled, valid=labelled, test=labelled)
    data = prepared(open_study(path="moods.npz"), tmp_path / "out.h5")
    for (_, y), (_, label) in zip(data.train, labelled, strict=True):
        assert y.tolist() == [-1] * (len(y) - 1) + [label]
    most = max(np.bincount([label for _, label in labelled]))
    assert data.baselines["majority class"] == pytest.approx(100 * (1 - most / 9))


def test_the_row_is_of_the_file_and_the_entry(open_study):
    found = sets("squared")
    save_arrays("moods.h5", **found)
    open_study(loss="squared", bidirectional=True, title="Moods", unit="points")
    row = get_task("moods")
    assert (row.title, row.unit, row.merit, row.bidirectional) == ("Moods", "points", "RMSE", True)
    assert row.size.sequences == {name: len(each) for name, each in found.items()}
    targets = np.concatenate([y for _, y in found["train"]]).astype(float)
    assert row.worst == pytest.approx(np.sqrt((targets**2).mean()))


@pytest.mark.parametrize(("loss", "outputs"), [("softmax", 5), ("ctc", 6)])
def test_names_of_labels_say_how_many_there_are(loss, outputs, tmp_path, open_study):
    save_arrays("moods.h5", **sets(loss), labels=["a", "b", "c", "d", "rare"])
    data = prepared(open_study(loss=loss), tmp_path / "out.h5")
    assert get_task("moods").outputs == outputs
    assert data.labels == ("a", "b", "c", "d", "rare")
    open_study(loss=loss, outputs=9)
    assert get_task("moods").outputs == 9


def test_labels_of_a_folder_may_be_names_or_empty(tmp_path, open_study):
    (tmp_path / "moods").mkdir()
    for name in ("train", "valid", "test"):
        (tmp_path / "moods" / f"{name}.txt").write_text(f"{name}.csv\n")
        (tmp_path / "moods" / f"{name}.csv").write_text("a,label,b\n1,,2\n3,glad,4\n5,calm,6\n")
    (tmp_path / "moods" / "labels.txt").write_text("calm\nglad\n")
    study = open_study(path="moods", normalise=False)
    data = prepared(study, tmp_path / "out.h5")
    x, y = data.train[0]
    assert x.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert y.tolist() == [-1, 1, 0]
    assert data.train.ids == ("train.csv",)


def test_a_validation_set_can_be_taken_from_the_training_set(tmp_path, open_study):
    found = sets("softmax")
    names = {"train": [f"s{k}" for k in range(12)]}
    save_arrays("moods.h5", train=found["train"], test=found["test"], names=names)
    ids = []
    for seed in (1, 1, 2):
        data = prepared(open_study(valid_fraction=0.25, seed=seed), tmp_path / "out.h5")
        assert len(data.valid) == 3
        assert sorted(data.train.ids + data.valid.ids) == sorted(names["train"])
        ids.append(data.valid.ids)
    assert ids[0] == ids[1] != ids[2]


def test_what_is_known_of_a_file_is_read_once(tmp_path, open_study, monkeypatch):
    save_arrays("moods.h5", **sets("softmax"))
    study = open_study()
    note = study.data_path("moods").with_suffix(".json")
    assert json.loads(note.read_text())["facts"]["outputs"] == K
    monkeypatch.setattr("odyssey.tasks.measure.measure", None)
    open_study()
    (tmp_path / "moods.h5").unlink()  # as where only the results were copied
    open_study()
    monkeypatch.undo()
    with pytest.raises(ConfigError, match=r"moods\.h5: there must be a file or a folder"):
        open_study(outputs=9)


def test_a_study_whose_data_are_known_opens_without_numpy(tmp_path, open_study):
    save_arrays("moods.h5", **sets("softmax"))
    config = open_study().config
    code = (
        "import json, sys; from odyssey.study.study import load_study;"
        "load_study(json.load(sys.stdin)); print(*sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, input=json.dumps(config).encode(), capture_output=True, check=True
    )
    assert not {"numpy", "h5py", "mxnet"} & set(done.stdout.decode().split())


def test_a_changed_file_is_noticed(tmp_path, open_study):
    save_arrays("moods.h5", **sets("softmax"))
    study = open_study()
    out = study.data_path("moods")
    prepared(study, out)
    product = PreparedData(out, study.data_options("moods"))
    assert product.outdated() == ""
    save_arrays("moods.h5", train=pairs("softmax", 3, 7), valid=pairs("softmax", 2, 8),
                test=pairs("softmax", 2, 9), labels=list("abcdef"))  # fmt: skip
    assert product.outdated() == "the corpus has changed since"
    open_study()
    assert get_task("moods").outputs == 6
    assert "loss" in PreparedData(out, study.data_options("moods") | {"loss": "ctc"}).outdated()


def test_a_list_that_is_added_to_a_folder_is_noticed(tmp_path, open_study):
    found = sets("softmax")
    valid = found.pop("valid")
    write_csv(tmp_path / "moods", found)
    study = open_study(path="moods", valid_fraction=0.2)
    out = study.data_path("moods")
    prepared(study, out)
    product = PreparedData(out, study.data_options("moods"))
    assert product.outdated() == ""
    write_csv(tmp_path / "more", {"valid": valid})
    for file in (tmp_path / "more").iterdir():
        file.rename(tmp_path / "moods" / file.name)
    assert product.outdated() == "the corpus has changed since"


@pytest.mark.parametrize("change", [{"bidirectional": True}, {"outputs": 9}, {"loss": "ctc"}])
def test_trials_of_another_network_are_other_trials(change, open_study):
    save_arrays("moods.h5", **sets("softmax"))
    study = open_study()
    before = study.trial("moods", "V", 0).fingerprint, study.search_fingerprint("moods")
    study = open_study(title="Moods")
    assert (study.trial("moods", "V", 0).fingerprint, study.search_fingerprint("moods")) == before
    study = open_study(**change)
    assert study.trial("moods", "V", 0).fingerprint != before[0]
    assert study.search_fingerprint("moods") != before[1]


def test_a_worker_knows_the_task(tmp_path, open_study):
    save_arrays("moods.h5", **sets("softmax"))
    (tmp_path / "study.pickle").write_bytes(pickle.dumps(open_study()))
    code = (
        "import pickle; from odyssey.tasks import TASKS;"
        "pickle.load(open('study.pickle', 'rb')); print(TASKS['moods'].outputs)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.split() == [str(K).encode()]


def test_it_is_prepared_and_looked_at_by_hand(tmp_path):
    save_arrays("moods.h5", **sets("softmax"), labels=["calm", "glad", "sad", "none"])
    arguments = ["--path", "moods.h5", "--option", "loss", "softmax", "--out", "out.h5"]
    for command in (["prepare", "moods", "--source", "arrays", *arguments], ["inspect", "out.h5"]):
        found = CliRunner().invoke(main, command)
        assert found.exit_code == 0, found.output
        assert "'glad'" in found.output
    assert load_dataset(tmp_path / "out.h5").task == "moods"


def test_an_entry_of_a_task_that_is_not_run_needs_no_data(config):
    config = copy.deepcopy(config)
    config["data"]["moods"] = {"source": "arrays", "path": "nowhere.h5", "loss": "softmax"}
    config["task_settings"]["moods"] = {"trials": 3}
    load_study(config)
    assert "moods" not in TASKS
    config["data"]["moods"]["lost"] = 1
    with pytest.raises(ConfigError, match=r"^config: data\.moods: arrays have no option lost: use"):
        load_study(config)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"loss": None}, r"moods must have a loss$"),
        ({"path": None, "loss": None}, r"moods must have a path and a loss$"),
        ({"loss": "hinge"}, r"unknown loss 'hinge': use softmax, ctc, bernoulli, squared"),
        ({"bidirectional": "yes"}, r"bidirectional must be true or false, got 'yes'$"),
        ({"valid_fraction": 1}, r"valid_fraction must be a number from 0\.001 to 0\.9, got 1$"),
        ({"path": "none.h5"}, r"none\.h5: there must be a file or a folder with files, is none$"),
        ({"path": "$NOWHERE/moods.h5"}, r"the variable NOWHERE must be set"),
        ({"outputs": 3}, r"moods, \w+ set, \d+: labels must lie in 0\.\.2, or be -1 .*, got 3"),
        ({"loss": "bernoulli"}, r"train set, sequence 0: targets must be frames × outputs|0 or 1"),
        ({"loss": "squared"}, r""),
    ],
)
def test_a_wrong_entry_ends_in_one_line(entry, message, open_study):
    save_arrays("moods.h5", **sets("softmax"))
    if not message:  # labels are numbers, too
        assert open_study(**entry)
        return
    with pytest.raises(ConfigError, match=rf"^config: data\.moods: [^\n]*({message})[^\n]*$"):
        open_study(**entry)


def test_prepared_data_never_take_the_place_of_what_they_are_made_of(tmp_path, open_study, config):
    path = tmp_path / config["data_folder"] / "moods.h5"
    path.parent.mkdir(exist_ok=True)
    save_arrays(path, **sets("softmax"))
    with pytest.raises(ConfigError, match=r"moods\.h5 will hold the prepared data: choose another"):
        open_study(path=str(path))


def test_the_name_of_another_task_is_taken(config):
    config = copy.deepcopy(config) | {"tasks": ["jsb"]}
    config["data"]["jsb"] = {"source": "arrays", "path": "moods.h5", "loss": "softmax"}
    with pytest.raises(ConfigError, match=r"^[^\n]*task 'jsb' already, from odyssey itself[^\n]*$"):
        load_study(config)


def spoil(change):
    """Write moods.h5, a file that somebody has changed by hand."""
    save_arrays("moods.h5", **sets("softmax"))
    with h5py.File("moods.h5", "r+") as file:
        change(file)


def put(name, value):
    def change(file):
        if name in file:
            del file[name]
        if value is not None:
            file[name] = value

    return change


def nan(file):
    file["valid/x"][5, 1] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nan, r"valid set, sequence \d: inputs must be finite .*, got nan at frame \d, input 1"),
        (put("train/y", np.zeros(3)), r"targets of the train set must add up to the 3 rows of y"),
        (put("train/lengths", None), r"the train set must have lengths"),
        (put("train/lengths", np.ones(12)), r"lengths of the train set must be whole numbers"),
        (put("train/names", np.arange(3)), r"train set must have as many lengths .* 12, 12 and 3"),
        (put("labels", np.array([b"a", b"b"])), r"labels must lie in 0\.\.1, or"),
        (lambda file: file["test/y"].write_direct(np.full(len(file["test/y"]), -7)),
         r"test set, sequence 0: labels must lie in .*, got -7 at position 0"),
        (lambda file: file["test/y"].write_direct(np.full(len(file["test/y"]), -1)),
         r"the test set must have a target that counts, has none"),
        (put("train/x", np.zeros(0)), r"lengths of the train set must add up to the 0 rows of x"),
        (put("test/x", np.zeros((1000, 2, 2))), r"lengths of the test set must add up to the 1000"),
        (lambda file: put("test/x", file["test/x"][:, 0])(file),
         r"test set, sequence 0: inputs must be frames × inputs, are \d$"),
        (lambda file: put("test/x", file["test/x"][:, :2])(file),
         r"moods, test set, 0: inputs must be frames × 3, are \d × 2$"),
        (lambda file: file["test/y"].write_direct(np.full(len(file["test/y"]), 90210123)),
         r"at most 100000 outputs, would have 90210124: number labels from 0"),
        (put("valid", None), r"must have a valid set, has none: set valid_fraction"),
        (put("test", None), r"test set must have at least one sequence, has none"),
        (put("train", None), r"the train set must have .* one sequence|more than the"),
        (lambda file: [file.pop(name) for name in list(file)], r"must hold the sets train"),
    ],
)  # fmt: skip
def test_a_wrong_file_ends_in_one_line(change, message, open_study):
    spoil(change)
    with pytest.raises(ConfigError, match=rf"^config: data\.moods: [^\n]*({message})[^\n]*$"):
        open_study()


def test_labels_that_are_no_whole_numbers_are_refused(open_study):
    found = {name: [(x, y + 0.5) for x, y in each] for name, each in sets("softmax").items()}
    save_arrays("moods.h5", **found)
    with pytest.raises(
        ConfigError, match=r"train set, sequence 0: labels must be integers, got fl"
    ):
        open_study()


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"no file of ours", b"\x89HDF\r\n\x1a\n"])
def test_another_file_is_no_file_of_sequences(content, tmp_path, open_study):
    (tmp_path / "moods.h5").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"^[^\n]*moods\.h5: must be an HDF5 or \.npz file[^\n]*$"
    ):
        open_study()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("train0.csv", "x0,x1,x2,label\n1,2,3\n", r"train0\.csv, line 2: must have 4 cells, has 3"),
        (
            "train0.csv",
            "x0,x1,x2,label\n1,?,3,0\n",
            r"line 2, column x1: must be a number, is '\?'",
        ),
        (
            "train0.csv",
            "x0,x1,x2,label\n1,2,3,0.5\n",
            r"line 2: a label must be a whole number, is",
        ),
        ("train0.csv", "x0,x1,x2\n1,2,3\n", r"must have a column label, or columns whose names"),
        (
            "train1.csv",
            "a,b,label\n1,2,3\n",
            r"train1\.csv: must have the columns x0, x1, x2, label",
        ),
        ("train1.csv", "", r"train1\.csv: must have the columns .*, has nothing and 0 frames"),
        ("train.txt", "train0.csv\nnone.csv\n", r"none\.csv: cannot be read"),
        ("test.txt", "\n", r"the test set must have at least one sequence, has none"),
    ],
)
def test_a_wrong_folder_ends_in_one_line(name, text, message, tmp_path, open_study):
    write_csv(tmp_path / "moods", sets("softmax"))
    (tmp_path / "moods" / name).write_text(text)
    with pytest.raises(ConfigError, match=rf"^config: data\.moods: [^\n]*{message}[^\n]*$"):
        open_study(path="moods")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"train": []}, r"the train set must have at least one sequence"),
        ({"train": [(np.zeros((3, 2)), np.zeros(3, int)), (np.zeros((4, 5)), np.zeros(4, int))]},
         r"set, sequence 1: inputs must be frames × 2, are 4 × 5"),
        ({"train": [(np.zeros(3), np.zeros(3, int))]}, r"frames × inputs, are float64 3"),
        ({"train": [(np.zeros((3, 2)), 0.5)]}, r"label must be an integer, is float64"),
        ({"train": [(np.zeros((3, 2)), np.array(["a"] * 3))]}, r"must be numbers of one kind"),
        ({"train": [(np.zeros((3, 2)), np.zeros(3, int))], "names": {"train": ["a", "b"]}},
         r"the train set must have a name for each of 1 sequences, has 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_named(found, message):
    with pytest.raises(DataError, match=rf"^[^\n]*{message}[^\n]*$"):
        save_arrays("moods.h5", **found)
    with pytest.raises(DataError, match=r"must end in \.h5, \.hdf5, \.npz$"):
        save_arrays("moods.csv", **found)


def test_a_file_is_whole_or_not_there(tmp_path):
    save_arrays("moods.npz", **sets("softmax"))
    before = (tmp_path / "moods.npz").read_bytes()
    with pytest.raises(DataError):
        save_arrays("moods.npz", train=[])
    assert (tmp_path / "moods.npz").read_bytes() == before
    assert len(read_arrays(before, "moods.npz").sets["train"]) == 12


def test_importing_the_public_module_needs_no_mxnet():
    code = "import odyssey.datasets, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert not {"mxnet", "pandas", "matplotlib"} & set(done.stdout.decode().split())

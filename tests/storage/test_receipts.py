"""Receipts: what files were made of, told by content."""

import json
import os

import pytest

from odyssey.storage.receipts import Making, code_digest, content_digest


@pytest.fixture
def making(tmp_path):
    """Two files, made of two others and signed for."""
    for name in ("a.csv", "b.csv", "out.csv", "out2.csv"):
        (tmp_path / name).write_text(name)
    made = make(tmp_path)
    with made.receipted():
        pass
    return made


def make(folder, inputs=("a.csv", "b.csv"), outputs=("out.csv", "out2.csv"), settings=1, code=()):
    def paths(names):
        return tuple(folder / name for name in names)

    return Making(folder, paths(outputs), paths(inputs), settings, code)


def test_what_was_made_of_the_same_is_current(making):
    assert making.outdated() == ""


def test_times_of_files_decide_nothing(making, tmp_path):
    os.utime(tmp_path / "a.csv", (2e9, 2e9))
    os.utime(tmp_path / "out.csv", (1, 1))
    assert making.outdated() == ""


def test_the_whole_may_be_moved(making, tmp_path):
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert make(tmp_path.with_name("elsewhere")).outdated() == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"inputs": ("a.csv", "b.csv", "c.csv")}, "input c.csv is another"),
        ({"inputs": ("a.csv",)}, "input b.csv is another"),
        ({"settings": 2}, "made with other settings"),
        ({"code": ("storage/receipts.py",)}, "made with other code"),
    ],
)
def test_what_is_asked_for_may_be_another(making, tmp_path, changes, reason):
    assert make(tmp_path, **changes).outdated() == reason


@pytest.mark.parametrize("name", ["a.csv", "out.csv", "out2.csv"])
@pytest.mark.parametrize("harm", [lambda p: p.write_text("other"), lambda p: p.unlink()])
def test_a_file_that_is_another_or_gone_is_noticed(making, tmp_path, name, harm):
    harm(tmp_path / name)
    kind = "input" if name == "a.csv" else "output"
    assert making.outdated() == f"{kind} {name} is another"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"settings": 3}'])
def test_a_receipt_that_says_nothing_counts_for_none(making, tmp_path, content):
    (tmp_path / ".receipts" / "out.csv.json").write_text(content)
    assert making.outdated()


def test_who_fails_leaves_no_receipt(making, tmp_path):
    with pytest.raises(RuntimeError), making.receipted():
        raise RuntimeError
    assert making.outdated() == "nothing tells what it was made of"


def test_a_receipt_tells_of_the_inputs_as_they_were_read(making, tmp_path):
    """What changes while a job runs is not what it read."""
    with making.receipted():
        (tmp_path / "a.csv").write_text("changed meanwhile")
    assert making.outdated() == "input a.csv is another"


def test_caches_are_no_code(monkeypatch, tmp_path):
    (tmp_path / "analysis" / "__pycache__").mkdir(parents=True)
    (tmp_path / "analysis" / "sweep.py").write_text("a = 1")
    monkeypatch.setattr("odyssey.storage.receipts._PACKAGE", tmp_path)
    before = code_digest.__wrapped__(("analysis/**/*",))
    (tmp_path / "analysis" / "__pycache__" / "sweep.nbi").write_text("compiled")
    assert code_digest.__wrapped__(("analysis/**/*",)) == before
    (tmp_path / "analysis" / "sweep.py").write_text("a = 2")
    assert code_digest.__wrapped__(("analysis/**/*",)) != before


def test_code_that_is_not_there_is_no_code():
    with pytest.raises(ValueError, match=r"analysis/none\.py: must name files of the package"):
        code_digest(("analysis/none.py",))


def test_a_receipt_is_plain_json_with_names_from_the_root(making, tmp_path):
    receipt = json.loads((tmp_path / ".receipts" / "out.csv.json").read_text())
    assert set(receipt["inputs"]) == {"a.csv", "b.csv"}
    assert receipt["outputs"]["out.csv"] == content_digest(tmp_path / "out.csv")

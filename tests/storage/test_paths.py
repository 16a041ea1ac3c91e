import os
from pathlib import Path

import pytest

from odyssey.storage.paths import expanded, study_folder


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("SCRATCH", "/scratch/ada")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NOWHERE", raising=False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("results", "results"),
        ("~", "/home/ada"),
        ("~/x", "/home/ada/x"),
        ("~root/x", f"{os.path.expanduser('~root')}/x"),
        ("$SCRATCH/x", "/scratch/ada/x"),
        ("${SCRATCH}x/y", "/scratch/adax/y"),
        ("a/~b", "a/~b"),
        ("a b/5$", "a b/5$"),
    ],
)
def test_home_and_variables_are_replaced(text, path):
    assert expanded(text) == Path(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("$NOWHERE/x", "variable NOWHERE must be set"),
        ("${NOWHERE}/x", "variable NOWHERE must be set"),
        ("$EMPTY/x", "variable EMPTY must be set"),
        ("${SCRATCH:-/tmp}/x", "variable SCRATCH:-/tmp must be set"),
        ("~nobody-of-this-name/x", "must begin with a home folder"),
    ],
)
def test_what_can_t_be_replaced_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        expanded(text)


def test_the_study_is_the_nearest_upwards(tmp_path, monkeypatch):
    inner = tmp_path / "study" / "docs" / "deep"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    (tmp_path / "config.yaml").touch()
    assert study_folder() == tmp_path
    (tmp_path / "study" / "config.yaml").touch()
    assert study_folder() == tmp_path / "study"
    (inner / "config.yaml").mkdir()  # a folder is none
    assert study_folder() == tmp_path / "study"


def test_a_folder_that_is_gone_has_no_study(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert study_folder() is None

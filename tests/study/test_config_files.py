"""A config file says what it seems to say, or is refused in one line."""

import json

import pytest

from odyssey.study.config_files import read_config_file
from odyssey.study.study import ConfigError, check_config_files, read_study
from tests.conftest import ROOT


@pytest.fixture
def file(tmp_path):
    return tmp_path / "mine.yaml"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trials: 3\nseed: 1\ntrials: 4\n", "line 3, column 1: trials must be said once, line 1"),
        ("protocol:\n  epochs: 3\n  epochs: 4\n", "line 3, column 3: epochs must be said once"),
        ("a: {b: 1, 'b': 2}", "b must be said once"),
        ('{"trials": 3, "trials": 4}', "must say trials once"),
        ("trials: 0200", "0200 is 128 to YAML"),
        ("trials: -012", "-012 is -10 to YAML"),
        ("trials: 1:30", "1:30 is 90 to YAML"),
        ("noise: 1:30.5", "1:30.5 is 90.5 to YAML"),
        ("protocol:\n\tepochs: 3\n", r"line 2, column 1: found character '\t'"),
        ("trials: [1, 2", "must be YAML: line"),
        ("--- {trials: 3}\n--- {trials: 4}\n", "must be YAML: line 2"),
        ("? [1, 2]\n: 3\n", "found unhashable key"),
        ("trials: !!python/name:os.system", "could not determine a constructor"),
        ("", "must hold settings, as in config.yaml: is empty"),
        ("# nothing yet\n", "is empty"),
        ("[1, 2]", "is a list"),
        ("trials", "is a str"),
    ],
)
def test_what_yaml_takes_otherwise_than_it_was_meant_is_refused(file, text, words):
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        check_config_files([file])
    assert str(caught.value).startswith(f"{file}: must ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["seed: 1  # é".encode("latin-1"), "seed: 1".encode("utf-16"), b"seed: \x00\n"]
)
def test_files_that_are_no_text_are_refused(file, content):
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"must be (UTF-8 text|YAML): [^\n]*$"):
        check_config_files([file])


def test_files_that_can_t_be_read_are_named(tmp_path):
    for path, words in [(tmp_path, "Is a directory"), (tmp_path / "none", "No such file")]:
        with pytest.raises(ConfigError, match=words) as caught:
            check_config_files([path])
        assert str(caught.value).startswith(f"{path}: can't be read: ")


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        (b"\xef\xbb\xbfseed: 4\r\ntrials: 3\r\n", {"seed": 4, "trials": 3}),
        (b"a: [0, 10, 0x10, 1_503, 1.0e-3]", {"a": [0, 10, 16, 1503, 1e-3]}),
        (b"a: &x {b: 1}\nc: {<<: *x, b: 2}\n", {"a": {"b": 1}, "c": {"b": 2}}),
        (b"a: 1e-3", {"a": "1e-3"}),  # the schema refuses that, and says what to write
        (b'{"a": 1e-3}', {"a": 1e-3}),  # JSON is read as JSON, by Snakemake too
    ],
)
def test_what_is_plain_is_read(file, content, settings):
    file.write_bytes(content)
    assert read_config_file(file) == settings


def test_the_project_s_own_files_are_plain():
    files = [ROOT / "config.yaml", *(ROOT / "docs").glob("*.yaml"), *ROOT.glob("profiles/*/*.yaml")]
    assert len(files) > 3
    check_config_files(files)


def test_a_study_file_in_json_is_laid_over(file):
    file.write_text(json.dumps({"search_space": {"learning_rate": {"low": 1e-5}}}))
    drawn = read_study([file], ROOT).trial("jsb", "V", 0).hyperparameters
    assert drawn["learning_rate"] == 0.00011690731919992677

"""Results of the analysis in files: they come back whole, and older or damaged ones are refused."""

import json

import pytest

from odyssey.analysis.findings import Findings, UnusableFile, read_record, write_record
from odyssey.analysis.records import Comparison, Decomposition, Skipped, TaskAnova, WithPaper
from odyssey.storage.plain import to_json
from tests.support.analysis_fixtures import golden_file

KINDS = {"fanova": TaskAnova, "comparison": Comparison, "paper": WithPaper}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def file(kind, tmp_path):
    """A result that an older odyssey wrote."""
    path = tmp_path / "jsb.json"
    path.write_bytes(golden_file(kind))
    return path


def test_a_result_is_read_and_written_byte_for_byte(file, kind):
    content = file.read_bytes()
    record = read_record(KINDS[kind], file)
    write_record(file, record)
    assert file.read_bytes() == content
    assert to_json(read_record(KINDS[kind], file)) == to_json(record)


def test_what_was_read_has_its_types(tmp_path):
    for kind in KINDS:
        (tmp_path / f"{kind}.json").write_bytes(golden_file(kind))
    anova = read_record(TaskAnova, tmp_path / "fanova.json")
    assert isinstance(anova.of("V"), Decomposition)
    assert set(anova.of("V").mains) == {"hidden", "learning_rate", "momentum", "noise"}
    assert anova.of("NP") == Skipped("fANOVA needs at least 10 trials, got 3")
    assert anova.of("GRU") == Skipped("GRU is not in this study")
    comparison = read_record(Comparison, tmp_path / "comparison.json")
    assert comparison.variants["V"].top.against is None
    assert comparison.variants["NP"].top.test is None  # one trial is its best tenth
    assert comparison.variants["NP"].all.test.trials == 3
    paper = read_record(WithPaper, tmp_path / "paper.json")
    assert [row.part for row in paper.distances][:1] == ["figure 3"]


def without_a_key(content):
    value = json.loads(content)
    value.pop(next(iter(value)))
    return json.dumps(value).encode()


def with_a_text(content):
    value = json.loads(content)
    return json.dumps(dict.fromkeys(value, "text")).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"[]",
        lambda content: b"\xff\xfe",
        lambda content: b"[" * 100_000,
        without_a_key,
        with_a_text,
        lambda content: content.replace(b"{", b'{"newer": 1, ', 1),
    ],
    ids=["cut", "empty", "a list", "no text", "deep", "older", "other types", "newer"],
)
def test_a_damaged_or_other_file_is_refused_in_one_line(kind, file, spoil):
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(UnusableFile, match=rf"jsb\.json: must be a {KINDS[kind].__name__} ") as e:
        read_record(KINDS[kind], file)
    assert "\n" not in str(e.value)


def test_findings_name_the_file_that_is_damaged(file, kind, tmp_path):
    trials = tmp_path / "trials.csv"
    trials.write_text("task,variant,trial\n")
    file.write_bytes(b"{}")
    files = {"fanova": (), "comparison": (), "paper": ()} | {kind: [file]}
    with pytest.raises(UnusableFile, match=str(file)):
        Findings.load([trials], **files)

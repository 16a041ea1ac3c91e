"""What is checked and built ahead of the jobs: a study must not fail after it has trained."""

import shutil

import pytest

from odyssey.checks import ahead
from odyssey.checks.ahead import NotReady, make_ready
from odyssey.checks.check import fail, ok
from odyssey.engines.fused import build
from odyssey.engines.fused.instructions import buildable_sets, supported_sets
from odyssey.networks.variants import VARIANTS
from odyssey.study.study import Study


@pytest.fixture
def study(config, tmp_path, monkeypatch):
    """The paper's study, on a machine where analysis and MXNet work."""
    for check in ("check_analysis", "check_mxnet"):
        monkeypatch.setattr(ahead, check, lambda: ok("a", "works"))
    return Study(config | {"results": str(tmp_path / "results")})


def test_kernels_whose_library_is_gone_are_built_anew(study, compiler, tmp_path):
    said, declared = [], tmp_path / "kernels.json"
    build(VARIANTS.values()).declare(declared)
    make_ready(study, declared, said.append)
    assert said == []
    shutil.rmtree(tmp_path / "kernels")
    make_ready(study, declared, said.append)
    assert len(said) == 1
    assert "Building the fused kernels" in said[0]
    assert list((tmp_path / "kernels").glob("*/portable.so"))


@pytest.mark.skipif(len(supported_sets()) < 2, reason="needs a processor with several sets")
def test_a_local_run_builds_one_instruction_set_and_a_cluster_the_others(study, compiler, tmp_path):
    said, declared = [], tmp_path / "kernels.json"
    built = lambda: {path.stem for path in (tmp_path / "kernels").glob("*/*.so")}  # noqa: E731
    make_ready(study, declared, said.append)
    assert said == []  # the rule builds, on a node
    make_ready(study, declared, said.append, here=True)
    assert built() == {supported_sets()[0]}
    build(VARIANTS.values(), here=True).declare(declared)
    runs = compiler()
    make_ready(study, declared, said.append, here=True)
    assert (len(said), compiler()) == (1, runs)
    make_ready(study, declared, said.append)
    assert "other processors" in said[1]
    assert built() == set(buildable_sets())


def test_without_a_compiler_lost_kernels_end_the_run_in_one_line(
    study, compiler, tmp_path, monkeypatch
):
    build(VARIANTS.values()).declare(tmp_path / "kernels.json")
    shutil.rmtree(tmp_path / "kernels")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NotReady, match=r"^[^\n]*no-such-compiler[^\n]*$"):
        make_ready(study, tmp_path / "kernels.json", print)


def test_a_damaged_declaration_is_written_anew(study, compiler, tmp_path):
    (tmp_path / "kernels.json").write_bytes(b"")
    make_ready(study, tmp_path / "kernels.json", print)
    assert b"portable" in (tmp_path / "kernels.json").read_bytes()


def test_a_bad_instruction_set_ends_the_run_in_one_line(study, tmp_path, monkeypatch):
    monkeypatch.setenv("ODYSSEY_INSTRUCTION_SET", "avx3")
    with pytest.raises(NotReady, match=r"^ODYSSEY_INSTRUCTION_SET=avx3[^\n]*$"):
        make_ready(study, tmp_path / "kernels.json", print)


@pytest.mark.parametrize("check", ["check_analysis", "check_mxnet"])
def test_what_the_end_will_need_is_tried_before_training(study, tmp_path, monkeypatch, check):
    monkeypatch.setattr(ahead, check, lambda: fail("analysis", "can't be done"))
    with pytest.raises(NotReady, match=r"^analysis: can't be done.*odyssey doctor"):
        make_ready(study, tmp_path / "kernels.json", print)


def test_a_run_that_trains_nothing_checks_nothing(study, tmp_path, monkeypatch):
    monkeypatch.setattr(ahead, "check_mxnet", lambda: fail("MXNet", "is not here"))
    monkeypatch.setattr(ahead, "_trains", lambda study: False)
    make_ready(study, tmp_path / "kernels.json", print)

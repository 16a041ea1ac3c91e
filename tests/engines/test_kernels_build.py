"""The operator library's build: what identifies it, races, missing compilers, instruction sets."""

import importlib
import json
import os
import subprocess
import threading
import time

import pytest

from odyssey.engines.fused import KernelError, build, find
from odyssey.engines.fused.library import cache_folder, sealed
from odyssey.engines.fused.sources import SOURCES, mxnet_folder, source_key
from odyssey.engines.switches import switches
from odyssey.networks.cells import get_cell
from odyssey.networks.variants import VANILLA, VARIANTS, get_variant
from tests.support.tiny_workflow import TinyWorkflow

instructions = importlib.import_module("odyssey.engines.fused.instructions")


def test_building_again_does_nothing(compiler):
    library = build(VARIANTS.values())
    runs = compiler()
    assert {path.stem for path in library.folder.glob("*.so")} == set(instructions.buildable_sets())
    assert build(VARIANTS.values()) == library
    assert compiler() == runs > 0


def test_two_builds_at_once_compile_once(compiler):
    sets = [instructions.supported_sets()[-1]]
    build([get_variant("NP")], sets)
    alone = compiler()
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(build([VANILLA], sets))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert compiler() == 2 * alone


def test_a_library_appears_whole_or_not_at_all(compiler):
    found = []

    def watch():
        while not done.is_set():
            found.extend(path.read_bytes() for path in cache_folder().glob("*/*.so"))
            time.sleep(0.002)

    done, watcher = threading.Event(), threading.Thread(target=watch)
    watcher.start()
    library = build([VANILLA], ["portable"])
    done.set()
    watcher.join()
    assert set(found) <= {sealed(b"built\n")}
    assert sorted(path.name for path in library.folder.iterdir()) == ["library.json", "portable.so"]


def test_the_key_knows_variants_sources_and_compiler(compiler, monkeypatch):
    keys = {build([VANILLA], ["portable"]).key, build(VARIANTS.values(), ["portable"]).key}
    monkeypatch.setenv("ODYSSEY_CXXFLAGS", "-DOTHER_SOURCES")
    keys.add(build([VANILLA], ["portable"]).key)
    program = compiler.path.read_text(encoding="utf-8")
    compiler.path.write_text(program.replace("fake 1.0", "fake 2.0"), encoding="utf-8")
    keys.add(build([VANILLA], ["portable"]).key)
    assert len(keys) == 4


def test_a_library_of_more_variants_will_do(compiler):
    library, runs = build(VARIANTS.values(), ["portable"]), compiler()
    assert build([VANILLA, get_variant("NP")], ["portable"]) == library
    assert compiler() == runs
    assert build([VANILLA, get_variant("CIFG+NP")], ["portable"]) != library
    program = compiler.path.read_text(encoding="utf-8")
    compiler.path.write_text(program.replace("fake 1.0", "fake 2.0"), encoding="utf-8")
    assert build([VANILLA], ["portable"]) != library


def test_find_needs_the_variant_the_set_and_the_sources(compiler, monkeypatch):
    assert find(VANILLA, "portable") is None
    library = build([VANILLA], ["portable"])
    assert find(VANILLA, "portable") == library
    assert find(get_variant("NP"), "portable") is None
    assert find(VANILLA, "another set") is None
    monkeypatch.setenv("ODYSSEY_CXXFLAGS", "-DOTHER_SOURCES")
    assert find(VANILLA, "portable") is None


def test_a_built_library_is_found_without_a_compiler(compiler, monkeypatch):
    library = build([VANILLA], ["portable"])
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert find(VANILLA, "portable") == library
    assert build([VANILLA], ["portable"]) == library
    with pytest.raises(
        KernelError, match=r"^[^\n]*needs a C\+\+17 compiler[^\n]*kernels: gluon[^\n]*$"
    ):
        build([get_variant("NP")], ["portable"])


def test_a_failing_compiler_is_one_line(compiler):
    compiler.path.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exit\necho "a.cc:1: error: no"; exit 1\n'
    )
    with pytest.raises(KernelError, match=r"^[^\n]+$"):
        build([VANILLA], ["portable"])


def test_an_unknown_instruction_set_is_refused(compiler):
    with pytest.raises(KernelError, match="sse9"):
        build([VANILLA], ["sse9"])


def test_rows_with_equal_switches_share_a_library(compiler):
    one, other = get_variant("CIFG+NP"), get_variant("NP+CIFG")
    assert switches(one) == switches(other)
    assert build([one], ["portable"]) == build([other], ["portable"])


def test_every_variant_has_switches_of_its_own():
    assert len({switches(variant) for variant in VARIANTS.values()}) == len(VARIANTS)


def test_this_processor_runs_the_portable_set():
    assert instructions.supported_sets()[-1] == "portable"
    assert set(instructions.supported_sets()) <= set(instructions.buildable_sets())
    assert os.path.isabs(cache_folder())


def test_a_study_goes_on_with_kernels_of_other_sources(compiler, tmp_path, monkeypatch):
    (tmp_path / "study").mkdir()
    study, declared = TinyWorkflow(tmp_path / "study"), tmp_path / "study/results/kernels.json"
    study.run("results/kernels.json", kernels="fused")
    before = json.loads(declared.read_text())
    monkeypatch.setenv("ODYSSEY_CXXFLAGS", "-DOTHER_SOURCES")
    log = study.run("-n", kernels="fused")
    assert "Training trials" in log
    assert "Building the fused kernels" not in log
    study.run("data/jsb.h5", kernels="fused")
    assert json.loads(declared.read_text())["sources"] == source_key() != before["sources"]


@pytest.mark.slow
@pytest.mark.parametrize("instruction_set", instructions.buildable_sets())
def test_the_sources_compile_without_a_warning(instruction_set):
    """Of cells that take every branch between them; the code itself is not made."""
    codes = ("V", "FGR+NOG+NIAF", "CIFG+NP+NOAF", "NIG+NFG+NOG", "GRU", "RNN")
    rows = {switches(get_cell(code)) for code in codes}
    listed = " ".join(f"ROW({row}u)" for row in sorted(rows))
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fsyntax-only"]
    flags += [*instructions.INSTRUCTION_SETS[instruction_set], f"-DODYSSEY_ROWS(ROW)={listed}"]
    flags += ['-DODYSSEY_KEY="x"', "-isystem", str(mxnet_folder() / "include")]
    for path in sorted(SOURCES.glob("*.cc")):
        done = subprocess.run(["g++", *flags, str(path)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

"""The operator library on machines that lack something: compilers, locks, writable folders."""

import errno
import fcntl
import importlib
import json
import os
import subprocess
import sys

import pytest

from odyssey.engines.fused import KernelError, build, find, is_missing
from odyssey.engines.fused.compiler import find_compiler
from odyssey.engines.fused.library import available, sealed
from odyssey.engines.fused.sources import source_key
from odyssey.networks.variants import VANILLA, get_variant

module = importlib.import_module("odyssey.engines.fused.build")
instructions = importlib.import_module("odyssey.engines.fused.instructions")
x86 = pytest.mark.skipif(
    instructions.buildable_sets() == ("portable",), reason="this processor has one instruction set"
)


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


@x86
def test_a_set_that_the_compiler_does_not_know_costs_no_other(compiler):
    compiler.refuse("-mavx512bw")
    library = build([VANILLA])
    assert sorted(path.stem for path in library.folder.glob("*.so")) == ["avx2", "portable"]
    assert list(library.left_out) == ["avx512"]
    assert "(fake 1.0)" in library.left_out["avx512"]
    assert "-mavx512bw" in library.left_out["avx512"]
    runs = compiler()
    assert build([VANILLA]).left_out == library.left_out
    assert compiler() == runs


@x86
def test_a_node_takes_the_next_best_set_where_the_best_could_not_be_built(compiler, monkeypatch):
    monkeypatch.setattr(instructions, "supported_sets", lambda: ("avx512", "avx2", "portable"))
    compiler.refuse("-mavx512f")
    library = build([VANILLA])
    assert available(VANILLA) == (library, "avx2")


@x86
def test_for_this_processor_alone_the_best_set_that_the_compiler_knows_is_built(
    compiler, monkeypatch
):
    monkeypatch.setattr(instructions, "supported_sets", lambda: ("avx512", "avx2", "portable"))
    compiler.refuse("-mavx512f")
    library = build([VANILLA], here=True)
    assert [path.stem for path in library.folder.glob("*.so")] == ["avx2"]
    assert available(VANILLA) == (library, "avx2")
    assert not is_missing([VANILLA], here=True)
    assert is_missing([VANILLA])  # portable is for others
    runs = compiler()
    assert build([VANILLA], here=True) == library
    assert compiler() == runs


@x86
def test_a_better_compiler_builds_what_was_left_out(compiler, monkeypatch):
    compiler.refuse("-mavx512f")
    assert build([VANILLA]).left_out
    compiler.write()
    library = build([VANILLA], ["avx512"])
    assert library.path("avx512").exists()
    assert library.left_out == {}


@x86
def test_a_set_that_is_asked_for_and_can_not_be_built_is_refused_with_the_version(compiler):
    compiler.refuse("-mavx2")
    with pytest.raises(KernelError, match=r"fake 1\.0.*-mavx2"):
        build([VANILLA], ["avx2"])


def test_a_compiler_that_is_too_old_for_everything_is_named_with_what_is_needed(compiler):
    compiler.refuse("-std=c++17")
    with pytest.raises(KernelError) as caught:
        build([VANILLA])
    assert "fake 1.0" in one_line(caught)
    assert "g++ 9" in one_line(caught)


@pytest.mark.parametrize("arguments", ["", " -m64", " -O2 '-DA=b c'"])
def test_cxx_may_have_arguments(compiler, monkeypatch, arguments):
    monkeypatch.setenv("CXX", f"{compiler.path}{arguments}")
    assert build([VANILLA], ["portable"]).path("portable").exists()


def test_cxx_may_lie_below_a_folder_with_blanks(compiler, tmp_path, monkeypatch):
    folder = tmp_path / "my tools"
    folder.mkdir()
    monkeypatch.setenv("CXX", str(compiler.path.rename(folder / "g++ 12")))
    assert find_compiler().command == (str(folder / "g++ 12"),)


@pytest.mark.parametrize("cxx", ["no-such-compiler -m64", "g++ 'unclosed", "/"])
def test_a_cxx_that_is_no_compiler_is_one_line(compiler, monkeypatch, cxx):
    monkeypatch.setenv("CXX", cxx)
    with pytest.raises(KernelError) as caught:
        build([VANILLA], ["portable"])
    assert cxx in one_line(caught)


def test_the_compiler_speaks_english_whatever_the_user_speaks(compiler, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LANGUAGE", "de")
    compiler.path.write_text(
        '#!/bin/sh\n[ "$LC_ALL$LANGUAGE" = C ] && echo english || echo deutsch\n', encoding="utf-8"
    )
    assert find_compiler().version == "english"


def test_a_compiler_that_is_killed_is_one_line(compiler):
    compiler.path.write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    with pytest.raises(KernelError) as caught:
        build([VANILLA], ["portable"])
    assert "killed by signal 9" in one_line(caught)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_built_on(compiler, monkeypatch, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    library = build([VANILLA], ["portable"])
    assert find(VANILLA, "portable") == library


def test_where_everything_is_built_nothing_is_written(compiler, monkeypatch):
    library = build([VANILLA])
    before = {path: path.stat().st_mtime_ns for path in library.folder.parent.rglob("*")}

    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(module, "_lock", refuse)
    monkeypatch.setattr("odyssey.engines.fused.library.replacing", refuse)
    assert build([VANILLA]) == library
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_another_compiler_takes_what_is_built_where_it_can_not_write(compiler, monkeypatch):
    library = build([VANILLA])
    program = compiler.path.read_text(encoding="utf-8")
    compiler.path.write_text(program.replace("fake 1.0", "fake 2.0"), encoding="utf-8")

    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(module, "_lock", refuse)
    assert build([VANILLA]) == library


def test_a_folder_that_can_not_be_written_is_one_line(compiler, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ODYSSEY_KERNELS", str(tmp_path / "file" / "kernels"))
    with pytest.raises(KernelError) as caught:
        build([VANILLA], ["portable"])
    assert "ODYSSEY_KERNELS" in one_line(caught)


@pytest.mark.parametrize("harm", [lambda c: c[:-1], lambda c: c[: len(c) // 2], lambda c: b""])
def test_a_library_that_was_cut_is_built_anew(compiler, harm):
    library = build([VANILLA], ["portable"])
    path, whole = library.path("portable"), library.path("portable").read_bytes()
    path.write_bytes(harm(whole))
    assert find(VANILLA, "portable") is None
    assert is_missing([VANILLA])
    assert build([VANILLA], ["portable"]) == library
    assert path.read_bytes() == whole


@pytest.mark.parametrize("content", ["", '{"sources": ', "[]", "null", '{"sources": "%s"}'])
def test_a_damaged_description_is_written_anew(compiler, content):
    library = build([VANILLA], ["portable"])
    content = content.replace("%s", source_key())
    (library.folder / "library.json").write_text(content, encoding="utf-8")
    assert find(VANILLA, "portable") is None
    assert build([VANILLA], ["portable"]) == library
    assert find(VANILLA, "portable") == library


def test_a_library_needs_all_variants_to_stand_in_for_a_build(compiler, monkeypatch):
    build([VANILLA], ["portable"])
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(KernelError, match="no-such-compiler"):
        build([VANILLA, get_variant("NP")], ["portable"])


def test_a_processor_that_tells_no_flags_has_the_portable_set(monkeypatch):
    monkeypatch.setattr(instructions, "_cpu_flags", lambda: iter(()))
    assert instructions.supported_sets() == ("portable",)
    monkeypatch.setattr(instructions.platform, "machine", lambda: "aarch64")
    assert instructions.buildable_sets() == instructions.supported_sets() == ("portable",)


@pytest.mark.parametrize("name", ["avx3", "AVX2", "avx512 "])
def test_an_instruction_set_that_is_none_is_one_line(monkeypatch, name):
    monkeypatch.setenv("ODYSSEY_INSTRUCTION_SET", name)
    with pytest.raises(KernelError) as caught:
        instructions.chosen_sets()
    assert name in one_line(caught)
    assert "portable" in one_line(caught)


def test_the_fingerprint_of_the_sources_does_not_depend_on_the_locale():
    code = "from odyssey.engines.fused.sources import source_key; print(source_key())"
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    keys = {
        subprocess.check_output([sys.executable, "-c", code], env=os.environ | changes)
        for changes in ({"LC_ALL": "C.UTF-8"}, ascii_only)
    }
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("/lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found", "newer libraries"),
        ("failed to map segment from shared object", "noexec"),
        ("file too short", "odyssey build"),
    ],
)
def test_a_library_that_can_not_be_loaded_says_what_to_do(tmp_path, reason, words):
    from odyssey.engines.fused.loader import _refusal

    text = _refusal(tmp_path / "kernels" / "avx2.so", reason)
    assert reason in text
    assert words in text
    assert "\n" not in text


def test_a_library_of_nonsense_is_refused_in_one_line(compiler, monkeypatch):
    from odyssey.engines.fused import loader

    library = build([VANILLA], ["portable"])
    assert library.path("portable").read_bytes() == sealed(b"built\n")
    monkeypatch.setattr(loader, "_loaded", {})
    monkeypatch.setattr(loader, "available", lambda _: (library, "portable"))
    with pytest.raises(KernelError, match=r"can't be loaded.*odyssey build") as caught:
        loader._load(VANILLA)
    assert "\n" not in str(caught.value)


@x86
def test_the_description_names_what_was_left_out(compiler, tmp_path):
    compiler.refuse("-mavx512f")
    build([VANILLA]).declare(tmp_path / "kernels.json")
    found = json.loads((tmp_path / "kernels.json").read_text(encoding="utf-8"))
    assert list(found["left_out"]) == ["avx512"]

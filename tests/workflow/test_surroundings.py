"""Analysis and figures do not depend on what a user's account and machine have set."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.tiny_workflow import TinyWorkflow

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
#: The file in which matplotlib looks for settings, in the folder where it is started.
SETTINGS = """
text.usetex: true
font.family: Comic Sans
svg.fonttype: none
lines.linewidth: 9
axes.facecolor: red
backend: TkAgg
"""


def run(code, folder, **changes):
    """Run Python code in a folder with changes to the environment; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | changes,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


DRAW = r"""
import sys
from odyssey.analysis.figures.mpl import Figure
from odyssey.analysis.figures.plotting import save, style
from pathlib import Path
with style():
    figure = Figure(figsize=(2, 2), layout="constrained")
    ax = figure.subplots()
    ax.set(title="\u03c3 \u00d7 $x^2$", xscale="log")
    ax.plot([1, 10], [-1, 2])
    save(figure, Path("figure.svg"))
"""


@pytest.fixture
def figure(tmp_path):
    """Return the function that draws a figure in a folder, among a user's settings."""

    def draw(name, settings="", **changes):
        folder = tmp_path / name
        folder.mkdir()
        if settings:
            (folder / "matplotlibrc").write_text(settings, encoding="utf-8")
        run(DRAW, folder, **changes)
        return (folder / "figure.svg").read_bytes()

    return draw


def test_figures_do_not_know_the_users_settings(figure, tmp_path):
    plain = figure("plain")
    (tmp_path / "matplotlibrc").write_text(SETTINGS, encoding="utf-8")
    nowhere = str(tmp_path / "matplotlibrc" / "x")  # no folder, and can't be made
    assert plain == figure("here", SETTINGS)
    assert plain == figure(
        "elsewhere",
        MATPLOTLIBRC=str(tmp_path / "matplotlibrc"),
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        MPLCONFIGDIR=nowhere,
        HOME=nowhere,
        TZ="Asia/Kolkata",
        PYTHONHASHSEED="7",
        **ASCII,
    )


def test_a_cut_list_of_fonts_is_made_anew(figure, tmp_path):
    folder = tmp_path / "config"
    plain = figure("plain", MPLCONFIGDIR=str(folder))
    for path in folder.glob("fontlist*"):
        path.write_bytes(path.read_bytes()[:1000])
    assert figure("cut", MPLCONFIGDIR=str(folder)) == plain


def test_a_bad_character_in_the_users_settings_is_one_line(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"font.family: \xe4\n")
    code = (
        "try:\n import odyssey.analysis.figures.mpl\nexcept ImportError as e: print(ascii(str(e)))"
    )
    found = run(code, tmp_path)
    assert "matplotlibrc" in found
    assert found.count("\n") == 1


USE = """
import os
from square import square
from odyssey.analysis.fanova import compiled as module
from odyssey.analysis.fanova.compiled import cache_folder, compiled
if changed := os.environ.get("A_SOURCE_BESIDE_IT"):
    module._SOURCES = (*module._SOURCES, changed)
fast = compiled(square)
assert fast(3.0) == 9.0
stats = getattr(fast, "stats", None)
print(sum(stats.cache_hits.values()) if stats else "none", cache_folder(fast) is not None)
"""


def square_in(folder):
    """Return a function that compiles another, and says whether that was stored already."""
    (folder / "square.py").write_text("def square(x):\n    return x * x\n", encoding="utf-8")

    def use(**changes):
        return run(USE, folder, **{"NUMBA_CACHE_DIR": str(folder / "cache")} | changes).split()

    return use


@pytest.fixture
def square(tmp_path):
    """The same, that has stored nothing yet."""
    return square_in(tmp_path)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The same and its folder, where the machine code is stored."""
    folder = tmp_path_factory.mktemp("stored")
    use = square_in(folder)
    use()
    return use, folder


def test_machine_code_is_stored_and_found_again(square):
    assert square() == ["0", "True"]
    assert square() == ["1", "True"]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("harm", ["empty", "half", "last byte", "zeros"])
def test_a_damaged_store_of_machine_code_is_compiled_anew(stored, kind, harm):
    square, folder = stored
    (path,) = (folder / "cache").rglob(f"*.{kind}")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "empty": b"",
            "half": whole[:middle],
            "last byte": whole[:-1],
            "zeros": whole[:middle] + bytes(8) + whole[middle + 8 :],
        }[harm]
    )
    assert square() == ["0", "True"]
    assert square() == ["1", "True"]


def test_machine_code_is_compiled_anew_when_another_file_of_the_package_changes(square, tmp_path):
    square()
    (tmp_path / "beside.py").write_text("x = 1\n", encoding="utf-8")
    changed = {"A_SOURCE_BESIDE_IT": str(tmp_path / "beside.py")}
    assert square(**changed) == ["0", "True"]
    assert square(**changed) == ["1", "True"]
    (tmp_path / "beside.py").write_text("x = 2\n", encoding="utf-8")
    assert square(**changed) == ["0", "True"]


def test_machine_code_of_another_numba_is_compiled_anew(square, tmp_path):
    square()
    (path,) = (tmp_path / "cache").rglob("*.nbi")
    path.write_bytes(pickle.dumps("0.1") + path.read_bytes())
    assert square() == ["0", "True"]


def test_without_a_folder_machine_code_is_compiled_each_time(square, tmp_path):
    nowhere = str(tmp_path / "square.py" / "x")
    places = {"NUMBA_CACHE_DIR": nowhere, "HOME": nowhere, "XDG_CACHE_HOME": nowhere}
    (tmp_path / "__pycache__").write_bytes(b"")  # a file where numba wants a folder
    assert square(**places) == ["0", "False"]
    assert square(**places) == ["0", "False"]


def test_functions_run_uncompiled_where_the_user_says_so(square):
    assert square(NUMBA_DISABLE_JIT="1") == ["none", "False"]


@pytest.fixture
def environment_with_a_blank(tmp_path):
    """The environment of the tests below a folder whose name has a blank; return its Python."""
    folder = tmp_path / "a b"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").symlink_to(os.path.join(sys.prefix, "lib"))
    (folder / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (folder / "pyvenv.cfg").write_bytes((Path(sys.prefix) / "pyvenv.cfg").read_bytes())
    return str(folder / "bin" / "python")


def snakemake_by(python, folder, *options):
    """Run Snakemake by an interpreter on the tiny study; return its exit status and its words."""
    (folder / "s").mkdir()
    TinyWorkflow(folder / "s").write_config()
    command = [python, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile")]
    command += ["--directory", str(folder / "s"), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    return done.returncode, done.stderr


def test_the_path_of_the_environment_may_have_blanks(environment_with_a_blank, tmp_path):
    profile = str(ROOT / "profiles" / "local")
    code, words = snakemake_by(
        environment_with_a_blank, tmp_path, "--profile", profile, "--cores", "2", "data/jsb.h5"
    )
    assert code == 0, words
    assert (tmp_path / "s" / "data" / "jsb.h5").exists()


def test_on_slurm_it_may_not(environment_with_a_blank, tmp_path):
    profile = str(ROOT / "profiles" / "slurm")
    code, words = snakemake_by(environment_with_a_blank, tmp_path, "--profile", profile)
    assert code == 1
    assert f"as has {environment_with_a_blank!r}: move the checkout" in words


def test_packages_of_pythonpath_come_last(tmp_path):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("raise ImportError\n", encoding="utf-8")
    (tmp_path / "more.py").write_text("there = True\n", encoding="utf-8")
    code = "import odyssey, numpy, more; print(numpy.__version__, more.there)"
    assert run(code, ROOT, PYTHONPATH=str(tmp_path)).split() == ["1.26.4", "True"]


def test_a_terminal_without_our_characters_ends_no_command():
    code = "from odyssey.cli import main; main(['plan'])"
    assert "core hours" in run(code, ROOT, PYTHONIOENCODING="ascii", **ASCII)


def test_a_study_among_a_users_settings_is_the_same_study(tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("plain", "odd")]
    targets = ("results/trials.csv", "results/fanova.json", "results/figures/figure3.svg")
    for folder in folders:
        folder.mkdir()
    few = {"analysis": {"bootstrap": 0, "trees": 8, "top": 0.7}, "variants": ["V"], "trials": 10}
    few["task_settings"] = {"jsb": {"trials_per_job": 10}}  # what a fANOVA needs, in one job
    TinyWorkflow(folders[0]).run(targets[0], *targets[1:], **few)
    odd = {
        "MPLBACKEND": "module://nowhere",
        "OMP_NUM_THREADS": "3",
        "PYTHONOPTIMIZE": "1",
        "PYTHONHASHSEED": "7",
        "TZ": "Asia/Kolkata",
        "NUMBA_CACHE_DIR": "/proc/nowhere",
        "MPLCONFIGDIR": "/proc/nowhere",
        **ASCII,
    }
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    (folders[1] / "matplotlibrc").write_text(SETTINGS, encoding="utf-8")
    TinyWorkflow(folders[1]).run(targets[0], *targets[1:], **few)
    drawn = [(folder / targets[2]).read_bytes() for folder in folders]
    assert drawn[0] == drawn[1]
    found = [json.loads((folder / targets[1]).read_text())["jsb"] for folder in folders]
    for each in found:  # the times of two runs differ
        assert each["searches"]["V"].pop("time")["trials"] == 10
    assert found[0]["searches"] == found[1]["searches"]
    assert found[0]["searches"]["V"]["error"]["effects"]

"""Study files of docs/extending.md, made small, and their trials on tiny data."""

import yaml

from benchmarks.tiny import tiny_dataset
from odyssey.analysis.findings import read_trials
from odyssey.runs.block import run_block
from odyssey.runs.tables import collect
from odyssey.storage.datasets import write_dataset
from odyssey.study.study import load_study
from tests.conftest import ROOT


def study_of_the_docs(name, config, folder, *, trials, kernels, epochs, most_hidden):
    """Return the study of the file that the page calls ``name``, smaller."""
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    file = yaml.safe_load(text.partition(f"# {name}")[2].partition("```")[0].partition("\n")[2])
    hidden = {"law": "uniform", "low": 3, "high": most_hidden, "integer": True}
    changes = {
        "search_space": config["search_space"] | file["search_space"] | {"hidden": hidden},
        "results": str(folder / "results"),
        "protocol": config["protocol"] | {"epochs": epochs},
        "analysis": config["analysis"] | {"trees": 4, "bootstrap": 0},
        "trials": trials,
        "kernels": kernels,
    }
    return load_study(config | file | changes)


def trained(study, folder):
    """Train a study's JSB on tiny data to trials.csv, and return that."""
    write_dataset(folder / "jsb.h5", tiny_dataset("jsb"))
    blocks = [folder / f"{variant}.h5" for variant in study.variants]
    for variant, block in zip(study.variants, blocks, strict=True):
        run_block(study, "jsb", variant, 0, study.trials("jsb") - 1, folder / "jsb.h5", block)
    collect(blocks)[0].to_csv(folder / "trials.csv", index=False)
    return read_trials(folder / "trials.csv")

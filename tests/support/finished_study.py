"""A study that looks finished: every file of its table of products, without a trial trained."""

import dataclasses

from benchmarks.tiny import tiny_dataset
from odyssey.runs.products import Making, PreparedData, TrainedBlock, products
from odyssey.storage.datasets import Provenance, read_origin, write_dataset
from odyssey.storage.tree_file import label_of, save_tree
from odyssey.tasks import DATA_VERSION


def finish(study):
    """Write all files of a study, with their receipts, in the order in which they are made."""
    for product in products(study):
        if isinstance(product, PreparedData):
            write_data(product)
        elif isinstance(product, TrainedBlock):
            write_block(product)
        else:
            write_outputs(product)


def write_data(product: PreparedData, **changes):
    """Write prepared data of random numbers that pass for what the config asks for."""
    data = tiny_dataset(product.path.stem)
    provenance = Provenance(data_version=DATA_VERSION, **changes)
    source = product.options["source"]
    write_dataset(product.path, dataclasses.replace(data, source=source, provenance=provenance))


def write_block(product: TrainedBlock, content="nothing"):
    """Write a block file that says of which trials it is and holds none."""
    fingerprint = read_origin(product.data).fingerprint
    label = label_of((trial, fingerprint) for trial in product.trials)
    save_tree(product.path, {"content": content}, label=label)


def write_outputs(product: Making):
    """Write the outputs of a job of the analysis, which say nothing, and its receipt."""
    with product.receipted():
        for path in product.outputs:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(path.name)

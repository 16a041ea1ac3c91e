"""Prepared data: what goes in comes out, whole or not at all."""

import dataclasses
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from odyssey.storage.datasets import (
    SPLITS,
    DataError,
    Example,
    Provenance,
    Split,
    load_dataset,
    write_dataset,
)
from tests.support.data_fixtures import small_dataset


def test_everything_survives_the_file(tmp_path):
    dataset = small_dataset()
    fingerprint = write_dataset(tmp_path / "a.h5", dataset)
    loaded = load_dataset(tmp_path / "a.h5")
    assert loaded.fingerprint == fingerprint
    for field in dataclasses.fields(dataset):
        if field.name not in ("splits", "fingerprint", "mean", "std"):
            assert getattr(loaded, field.name) == getattr(dataset, field.name), field.name
    for name in SPLITS:
        written, read = dataset.splits[name], loaded.splits[name]
        assert read.ids == written.ids
        assert len(read) == len(written) == len(list(read))
        for (x, y), (x_read, y_read) in zip(written, read, strict=True):
            np.testing.assert_array_equal(x, x_read, strict=True)
            np.testing.assert_array_equal(y, y_read, strict=True)


def test_sequences_are_contiguous_float32_views(tmp_path):
    write_dataset(tmp_path / "a.h5", small_dataset())
    split = load_dataset(tmp_path / "a.h5").train
    x, y = split[1]
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    assert x.base is not None
    assert len(x) == len(y) == split.lengths[1]


def test_bytes_become_float32_once(tmp_path):
    roll = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    split = Split.of([Example("a", roll, roll)])
    dataset = small_dataset(splits=dict.fromkeys(SPLITS, split))
    write_dataset(tmp_path / "a.h5", dataset)
    x, y = load_dataset(tmp_path / "a.h5").test[0]
    assert (x.dtype, y.dtype) == (np.float32, np.uint8)
    np.testing.assert_array_equal(x, roll)


def test_index_out_of_range():
    split = small_dataset().test
    np.testing.assert_array_equal(split[-1][0], split[2][0])
    with pytest.raises(IndexError, match="there is no number 3"):
        split[3]


def test_fingerprint_follows_content_not_origin(tmp_path):
    first = write_dataset(tmp_path / "a.h5", small_dataset())
    elsewhere = small_dataset(provenance=Provenance(), baselines={}, description="other")
    assert write_dataset(tmp_path / "b.h5", elsewhere) == first
    assert write_dataset(tmp_path / "c.h5", small_dataset(seed=1)) != first
    assert write_dataset(tmp_path / "d.h5", small_dataset(labels=tuple("abcdf"))) != first


def test_same_content_same_bytes(tmp_path):
    for name in "ab":
        write_dataset(tmp_path / name, small_dataset())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_half_a_file_is_refused(tmp_path, share):
    path = tmp_path / "a.h5"
    write_dataset(path, small_dataset())
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(DataError, match=r"a\.h5: not a complete .* prepare the data again"):
        load_dataset(path)


def test_other_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs.update(format="odyssey-dataset", version=99)
    with pytest.raises(DataError, match=r"expected odyssey-dataset version \d+, got .* version 99"):
        load_dataset(tmp_path / "a.h5")
    with pytest.raises(DataError, match="not a complete"):
        load_dataset(tmp_path / "none.h5")


def test_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.h5"
    fingerprint = write_dataset(path, small_dataset())
    with pytest.raises(TypeError):
        write_dataset(path, small_dataset(baselines={"majority": object()}))
    assert load_dataset(path).fingerprint == fingerprint
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_what_was_left_out_is_counted(tmp_path):
    write_dataset(tmp_path / "a.h5", small_dataset())
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["left_out"] == len(small_dataset().provenance.skipped) == 1


def test_no_strings_at_all(tmp_path):
    write_dataset(tmp_path / "a.h5", small_dataset(provenance=Provenance(notes=("", "ü"))))
    assert load_dataset(tmp_path / "a.h5").provenance == Provenance(notes=("", "ü"))


def test_import_is_light():
    heavy = {"mxnet", "pandas", "scipy"}
    code = f"import sys, odyssey.storage.datasets; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_loading_costs_little_beyond_reading(tmp_path):
    rng = np.random.default_rng(0)
    sequence = Example("s", rng.normal(size=(20_000, 39)).astype(np.float32), np.zeros(20_000))
    dataset = small_dataset(splits=dict.fromkeys(SPLITS, Split.of([sequence] * 5)))
    path = tmp_path / "a.h5"  # 47 MB
    write_dataset(path, dataset)
    beyond = []
    for _ in range(3):  # other processes may slow one of them
        began = time.perf_counter()
        path.read_bytes()
        read = time.perf_counter()
        load_dataset(path)
        beyond.append(time.perf_counter() - read - (read - began))
    assert min(beyond) < 0.1

"""Samples come out of files as models expect them; what a file lacks is said with what it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kafkaml.cli.files import load_samples
from kafkaml.errors import RefusedError


def test_csv_with_header_finds_its_label_column(tmp_path: Path) -> None:
    path = tmp_path / "iris.csv"
    path.write_text("length,width,class\n5.1,3.5,0\n4.9,3.0,2\n")
    samples = load_samples(path)
    assert samples.features.dtype == np.float32
    np.testing.assert_allclose(samples.features, [[5.1, 3.5], [4.9, 3.0]], rtol=1e-6)
    assert samples.labels is not None
    assert samples.labels.dtype == np.int64
    assert samples.labels.tolist() == [0, 2]


def test_csv_without_header_numbers_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("1;2;7\n3;4;8\n")
    samples = load_samples(path, labels="2")
    assert samples.features.tolist() == [[1, 2], [3, 4]]
    assert samples.labels is not None
    assert samples.labels.tolist() == [7, 8]


def test_csv_takes_only_the_columns_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b,c,y\n1,2,3,1.5\n")
    samples = load_samples(path, features="c,a", labels="y")
    assert samples.features.tolist() == [[3, 1]]
    assert samples.labels is not None
    assert samples.labels.dtype == np.float32


def test_an_unknown_column_is_refused_with_those_there_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(RefusedError, match="no column 'species' for the labels: it has a, b"):
        load_samples(path, labels="species")


def test_npz_finds_usual_names_and_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, images=np.zeros((3, 8, 8), np.uint8), target=np.arange(3))
    samples = load_samples(path, skip=1, limit=1)
    assert (samples.features.shape, samples.features.dtype) == ((1, 8, 8), np.uint8)
    assert samples.labels is not None
    assert samples.labels.tolist() == [1]


def test_npz_without_usual_names_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "odd.npz"
    np.savez(path, pictures=np.zeros((3, 8, 8)), kinds=np.arange(3))
    with pytest.raises(RefusedError, match="it has pictures, kinds"):
        load_samples(path)
    assert load_samples(path, features="pictures").labels is None


def test_npy_is_mapped_and_labels_are_a_second_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 2), np.float32))
    np.save(tmp_path / "y.npy", np.arange(4))
    samples = load_samples(tmp_path / "x.npy", labels=str(tmp_path / "y.npy"))
    assert isinstance(samples.features, np.memmap)
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 2, 3]


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(RefusedError, match="cannot be read"):
        load_samples(tmp_path / "bad.npy")


def test_different_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((3, 2)), y=np.zeros(2))
    with pytest.raises(RefusedError, match="3 samples but 2 labels"):
        load_samples(path)


@pytest.mark.parametrize("name", ["missing.csv", "missing.npz", "missing.npy"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match=name):
        load_samples(tmp_path / name)

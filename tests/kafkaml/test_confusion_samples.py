from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml import confusion_samples
from kafkaml.confusion_samples import MAX_BYTES, MAX_PER_CELL, ConfusionSamples, choose_samples
from kafkaml.errors import RefusedError

Array = np.ndarray[Any, Any]


def choose(features: Array, actual: list[int], predicted: list[int], probability: list[float]) -> ConfusionSamples:
    return choose_samples(
        features,
        actual=np.array(actual, np.int64),
        predicted=np.array(predicted, np.int64),
        probability=np.array(probability, np.float32),
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    features = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    path = tmp_path / "s.npz"
    choose(features, [0, 1, 1], [0, 0, 1], [0.9, 0.6, float("nan")]).write(path)
    kept = ConfusionSamples.read(path)
    assert kept.features.dtype == np.uint8
    assert kept.cell(1, 0).features.tolist() == [features[1].tolist()]
    assert kept.cell(1, 0).probability.tolist() == [np.float32(0.6)]
    assert np.isnan(kept.cell(1, 1).probability).all()
    assert kept.per_cell == MAX_PER_CELL


def test_sure_mistakes_and_unsure_hits_come_first() -> None:
    count = 40
    probability = np.linspace(0.5, 0.99, count).tolist()
    features = np.arange(2 * count, dtype=np.float32)[:, None]
    kept = choose(features, [0] * 2 * count, [0] * count + [1] * count, probability * 2)
    hits, mistakes = kept.cell(0, 0), kept.cell(0, 1)
    assert hits.features[:, 0].tolist() == list(range(MAX_PER_CELL))
    assert mistakes.features[:, 0].tolist() == list(range(2 * count - 1, 2 * count - 1 - MAX_PER_CELL, -1))


def test_large_samples_leave_fewer_of_each_cell() -> None:
    # There are 4 cells of 8 samples of 512 KiB. 16 samples fit, which is 4 per cell.
    features = np.zeros((32, 512, 1024), np.uint8)
    actual = [index % 2 for index in range(32)]
    predicted = [index // 2 % 2 for index in range(32)]
    kept = choose(features, actual, predicted, [0.5] * 32)
    assert kept.per_cell == 4
    assert kept.features.nbytes <= MAX_BYTES
    assert {len(kept.cell(a, p).features) for a in (0, 1) for p in (0, 1)} == {4}


def test_when_not_one_of_each_fits_mistakes_are_kept() -> None:
    features = np.zeros((4, MAX_BYTES // 2 - 8), np.uint8)
    kept = choose(features, [0, 1, 0, 1], [0, 1, 1, 0], [0.5] * 4)
    assert kept.per_cell == 0
    assert sorted(zip(kept.actual.tolist(), kept.predicted.tolist(), strict=True)) == [(0, 1), (1, 0)]


def test_a_sample_larger_than_everything_and_no_samples_at_all(tmp_path: Path) -> None:
    for features in (np.zeros((1, MAX_BYTES + 1), np.uint8), np.zeros((0, 3), np.float32)):
        kept = choose(features, [0] * len(features), [0] * len(features), [0.5] * len(features))
        assert len(kept.features) == 0
        kept.write(tmp_path / "s.npz")
        assert ConfusionSamples.read(tmp_path / "s.npz").features.shape == (0, *features.shape[1:])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), count=st.integers(0, 300), classes=st.integers(1, 9))
def test_no_cell_has_more_than_allowed_and_none_is_lost(data: st.DataObject, count: int, classes: int) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    actual, predicted = random.integers(0, classes, (2, count))
    kept = choose_samples(
        np.arange(count)[:, None], actual=actual, predicted=predicted, probability=random.random(count, np.float32)
    )
    for cell in set(zip(actual.tolist(), predicted.tolist(), strict=True)):
        there = np.flatnonzero((actual == cell[0]) & (predicted == cell[1]))
        rows = kept.cell(*cell).features[:, 0]
        assert len(rows) == min(len(there), MAX_PER_CELL)
        assert set(rows) <= set(there)


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def npy(array: Array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def npy_header(shape: str, descr: str = "'|u1'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


GOOD: dict[str, bytes] = {
    "features": npy(np.zeros((1, 2), np.uint8)),
    "actual": npy(np.zeros(1, np.int64)),
    "predicted": npy(np.zeros(1, np.int64)),
    "probability": npy(np.zeros(1, np.float32)),
    "per_cell": npy(np.array(12)),
}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"features": npy(np.array([{"a": 1}], dtype=object))}, id="pickle"),
        pytest.param({"features": npy_header("(99999999, 99999999)")}, id="claims petabytes"),
        pytest.param({"features": npy_header("(-1, 4)") + b"abcd"}, id="negative shape"),
        pytest.param({"features": npy_header("(1, 2)", "[('a', '|u1')]") + b"ab"}, id="structured"),
        pytest.param({"features": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65_535}, id="deep header"),
        pytest.param({"features": b""}, id="empty member"),
        pytest.param({"features": npy(np.zeros(64 << 20, np.uint8))}, id="zip bomb"),
        pytest.param({"actual": npy(np.zeros(5, np.int64))}, id="lengths differ"),
        pytest.param({"actual": npy(np.zeros((1, 1), np.int64))}, id="wrong axes"),
        pytest.param({"per_cell": npy(np.zeros(3))}, id="several limits"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused(tmp_path: Path, broken: dict[str, bytes]) -> None:
    assert len(ConfusionSamples.read(archive(tmp_path / "good", **GOOD)).features) == 1
    path = archive(tmp_path / "bad", **{**GOOD, **broken})
    with pytest.raises(RefusedError, match="damaged"):
        ConfusionSamples.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive" * 1000])
def test_what_is_not_an_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.npz"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match="damaged"):
        ConfusionSamples.read(path)


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(0, 255))
def test_a_changed_byte_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    path = archive(tmp_path_factory.mktemp("s") / "s.npz", **GOOD)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = value
    path.write_bytes(bytes(content))
    try:
        ConfusionSamples.read(path)
    except RefusedError:
        return


def test_the_name_is_one_of_an_artifact() -> None:
    from kafkaml.artifacts import check_artifact_name

    assert check_artifact_name(confusion_samples.CONFUSION_SAMPLES)

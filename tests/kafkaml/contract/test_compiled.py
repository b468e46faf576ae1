"""A contract reads the same for training and for serving, whatever the batches and partitions are."""

from __future__ import annotations

import base64
import io
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kafkaml.contract.arrangement import Arrangement
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.errors import ContractError
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import (
    Column,
    Contract,
    Encoding,
    FieldKind,
    KeyKind,
    Label,
    LabelKind,
    Learnt,
    LearntColumn,
    Missing,
    Scaling,
    SplitBy,
    Window,
    contract_document,
)
from tests.kafkaml.contract.records import batch_of, cut, field, record
from tests.model_inference.onnx_models import sum_model

FIELDS = (
    field("reading.temperature"),
    field("pressure"),
    field("status", FieldKind.TEXT),
    field("rpm"),
    field("failure", FieldKind.INTEGER),
)
COLUMNS = (
    Column(name="temperature", expression="reading.temperature", scaling=Scaling.STANDARD),
    Column(name="ratio", expression="reading.temperature / pressure", missing=Missing.MEAN, scaling=Scaling.ROBUST),
    Column(name="bad", expression="CASE WHEN status = 'ok' THEN 0 ELSE 1 END"),
    Column(name="status", expression="status", encoding=Encoding.ONE_HOT, missing=Missing.CONSTANT, constant="none"),
    Column(name="rpm", expression="rpm", missing=Missing.LAST, scaling=Scaling.MIN_MAX),
)
LABELS = (Label(name="failure", expression="failure", kind=LabelKind.CLASS),)


def contract(**changes: Any) -> Contract:
    return Contract(**{"format": "JSON", "fields": FIELDS, "columns": COLUMNS, "labels": LABELS, **changes})


def rows_of(compiled: CompiledContract, batches: list[ListBatch]) -> Any:
    return np.concatenate([np.empty(0, compiled.row_type), *(compiled.raw(batch).rows for batch in batches)])


def trained(
    made: Contract, batches: list[ListBatch], *, seed: int = 1, validation_rate: float = 0.2, test_rate: float = 0.2
) -> tuple[CompiledContract, Any, Arrangement, Learnt]:
    compiled = CompiledContract(made)
    rows = rows_of(compiled, batches)
    arrangement = compiled.arrange(rows, seed=seed, validation_rate=validation_rate, test_rate=test_rate)
    return compiled, rows, arrangement, compiled.learn(rows, arrangement)


def machines(count: int, seed: int = 0, keys: int = 5, partitions: int = 4) -> list[Record]:
    """Records as a fleet of machines sends them, some with gaps, some that are not samples."""
    random = np.random.default_rng(seed)
    records = []
    for place in range(count):
        machine = int(random.integers(keys))
        value: Any = {
            "reading": {"temperature": float(random.normal(20, 5))},
            "pressure": [None, 0.0, 1.0, 1.5][random.integers(4)],
            "status": [None, "ok", "bad", "worn"][random.integers(4)],
            "failure": int(random.integers(2)),
        }
        if random.random() < 0.7:
            value["rpm"] = float(random.integers(900, 1100))
        odd = random.random()
        if odd < 0.03:
            value["failure"] = None if odd < 0.015 else "yes"
        elif odd < 0.06:
            value["reading"] = None
        elif odd < 0.09:
            value["pressure"] = "high"
        elif odd < 0.11:
            value = [None, b"{", b"[]", b'{"a":NaN}'][random.integers(4)]
        records.append(record(value, key=b"m%d" % machine, place=place, partition=machine % partitions))
    return records


sizes = st.lists(st.integers(1, 90), min_size=2, max_size=4)


@given(
    seed=st.integers(0, 50),
    training_sizes=sizes,
    serving_sizes=sizes,
    length=st.integers(1, 5),
    stride=st.integers(1, 3),
)
@settings(max_examples=12, deadline=None)
def test_what_is_served_is_what_was_trained_record_by_record(
    seed: int, training_sizes: list[int], serving_sizes: list[int], length: int, stride: int
) -> None:
    records = machines(150, seed)
    made = contract(window=Window(length=length, stride=stride), split=SplitBy.TIME)
    compiled, rows, arrangement, learnt = trained(made, cut(records, training_sizes))
    kept = _kept(compiled.contract, records)
    samples = np.arange(len(arrangement.windows))
    inputs, _ = compiled.samples(rows, learnt, arrangement, samples)
    last = arrangement.windows.rows(samples)[:, -1]
    serving = CompiledContract.from_json(compiled.to_json(learnt))
    answers, counts = _served(serving, cut(records, serving_sizes))
    assert sum(counts) == len(records)
    # Training makes fewer samples of the same windows, because it needs the label too.
    assert len(samples) > 5
    for place, row in enumerate(last.tolist()):
        np.testing.assert_array_equal(inputs[""][place], answers[kept[row]])


def _kept(made: Contract, records: list[Record]) -> list[int]:
    compiled, start, kept = CompiledContract(made), 0, []
    for batch in cut(records, [17]):
        kept += [start + int(index) for index in compiled.raw(batch).kept]
        start += len(batch)
    return kept


def _served(serving: CompiledContract, batches: list[ListBatch]) -> tuple[dict[int, Any], tuple[int, int, int]]:
    """The only input of each answered record, by its place; and how many were answered, dead and waiting."""
    answers: dict[int, Any] = {}
    dead = waiting = start = 0
    for batch in batches:
        decoded = serving.decode(batch)
        if serving.state is not None:
            serving.state.commit()
        for row, index in enumerate(decoded.kept.tolist()):
            answers[start + index] = decoded.inputs[""][row]
        dead, waiting, start = dead + len(decoded.failures), waiting + len(decoded.waiting), start + len(batch)
    return answers, (len(answers), dead, waiting)


@given(seed=st.integers(0, 50), one=sizes, other=sizes, split=st.sampled_from(SplitBy))
@settings(max_examples=8, deadline=None)
def test_samples_do_not_depend_on_batches_or_partitions(
    seed: int, one: list[int], other: list[int], split: SplitBy
) -> None:
    window = None if split == SplitBy.CONTENT else Window(length=3)
    made = contract(window=window, split=split)
    found = []
    for batch_sizes, partitions in ((one, 1), (other, 3), ([7], 6)):
        records = machines(150, seed, partitions=partitions)
        # Partitions are read in parallel, in another order each time.
        records.sort(key=lambda record: ((record.partition * 7 + partitions) % 5, record.offset))
        compiled, rows, arrangement, learnt = trained(made, cut(records, batch_sizes))
        parts = (arrangement.parts.training, arrangement.parts.validation, arrangement.parts.test)
        arrays = [compiled.samples(rows, learnt, arrangement, part) for part in parts]
        found.append((learnt, [(inputs[""].tobytes(), labels.tobytes()) for inputs, labels in arrays]))
    assert found[0] == found[1] == found[2]
    assert len(found[0][1][0][0])


@given(seed=st.integers(0, 50), length=st.integers(1, 4), stride=st.integers(1, 3), horizon=st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_windows_are_those_of_a_naive_loop(seed: int, length: int, stride: int, horizon: int) -> None:
    made = Contract(
        format="JSON",
        fields=(field("x"), field("y")),
        columns=(Column(name="x", expression="x"),),
        labels=(Label(name="y", expression="y"),),
        window=Window(length=length, stride=stride, horizon=horizon),
        split=SplitBy.TIME,
    )
    random = np.random.default_rng(seed)
    week = 7 * 86_400_000
    records, times = [], defaultdict(lambda: 1_700_000_000_000)
    for place in range(80):
        key = b"k%d" % random.integers(3)
        times[key] += int(random.choice([1000, -5000, week, week + 1]))
        value = {"x": float(place), "y": None if random.random() < 0.1 else float(-place)}
        if random.random() < 0.1:
            value["x"] = None
        records.append(record(value, key=key, place=place, timestamp_ms=times[key]))
    runs: dict[bytes, list[tuple[float, float | None]]] = {}
    done: list[list[tuple[float, float | None]]] = []
    latest: dict[bytes, int] = {}
    for written in records:
        value = _json(written)
        if value["x"] is None:
            continue
        key = written.key or b""
        if written.timestamp_ms - latest.get(key, written.timestamp_ms) > week or key not in runs:
            runs[key] = []
            done.append(runs[key])
        runs[key].append((value["x"], value["y"]))
        latest[key] = written.timestamp_ms
    naive = []
    for run in done:
        for end in range(length - 1, len(run) - horizon, stride):
            label = run[end + horizon][1]
            if label is not None:
                naive.append(([x for x, _ in run[end - length + 1 : end + 1]], label))
    compiled = CompiledContract(made)
    rows = rows_of(compiled, cut(records, [9]))
    arranged = compiled.arrange(rows, seed=0, validation_rate=0, test_rate=0)
    windows, unlabelled = arranged.windows, arranged.unlabelled
    arrangement = Arrangement(windows, None, None, unlabelled)  # type: ignore[arg-type]
    inputs, labels = compiled.samples(rows, Learnt(), arrangement, np.arange(len(windows)))
    assert labels is not None
    got = sorted(zip(inputs[""][:, :, 0].tolist(), labels.tolist(), strict=True))
    assert got == sorted(naive)


def _json(record: Record) -> Any:
    import orjson

    return orjson.loads(record.value or b"null")


def test_the_last_value_of_the_same_key_stands_in() -> None:
    made = contract(columns=(COLUMNS[4],), labels=(), fields=(field("rpm"),))
    values = [("a", 1.0), ("b", None), ("a", None), ("b", 5.0), ("a", 3.0), ("b", None), ("a", None)]
    records = [record({"rpm": rpm}, key=key.encode(), place=place) for place, (key, rpm) in enumerate(values)]
    for batches in (cut(records, [1]), cut(records, [3]), cut(records, [99])):
        compiled = CompiledContract(made)
        raws = [compiled.raw(batch) for batch in batches]
        assert np.concatenate([raw.rows["c0"] for raw in raws]).tolist() == [1.0, 1.0, 5.0, 3.0, 5.0, 3.0]
        failures = [error.gap for raw in raws for _, error in raw.failures]
        assert failures == ["no last value"]
        serving = CompiledContract(made, Learnt(columns={"rpm": LearntColumn()}))
        answers, counts = _served(serving, batches)
        assert [float(answers[place][0]) for place in sorted(answers)] == [1.0, 1.0, 5.0, 3.0, 5.0, 3.0]
        assert counts == (6, 1, 0)


# --- what becomes of values -------------------------------------------------------------------------------------------


def _one_column(column: Column, values: list[Any], *, kind: FieldKind = FieldKind.NUMBER, **more: Any) -> Any:
    made = Contract(format="JSON", fields=(field("x", kind),), columns=(column,), **more)
    compiled, rows, arrangement, learnt = trained(
        made, [batch_of({"x": value} for value in values)], validation_rate=0, test_rate=0
    )
    everything = np.sort(arrangement.parts.training)
    return compiled.samples(rows, learnt, arrangement, everything)[0], learnt, compiled


def test_scaling_is_learnt_and_a_constant_column_is_zero() -> None:
    values = [0.0, 1.0, 2.0, 3.0, 10.0]
    for scaling, expected in (
        (Scaling.NONE, values),
        (Scaling.MIN_MAX, [0.0, 0.1, 0.2, 0.3, 1.0]),
        (Scaling.ROBUST, [-1.0, -0.5, 0.0, 0.5, 4.0]),
        (Scaling.STANDARD, ((np.array(values) - np.mean(values)) / np.std(values)).tolist()),
    ):
        arrays, _, _ = _one_column(Column(name="x", expression="x", scaling=scaling), values)
        np.testing.assert_allclose(arrays[""][:, 0], expected, rtol=1e-6)
        if scaling != Scaling.NONE:
            same, _, _ = _one_column(Column(name="x", expression="x", scaling=scaling), [7.0, 7.0])
            assert same[""].tolist() == [[0.0], [0.0]]


def test_an_unknown_category_has_a_place_of_its_own() -> None:
    texts = ["b", "a", "b", "c"]
    one_hot = Column(name="x", expression="x", encoding=Encoding.ONE_HOT)
    arrays, learnt, compiled = _one_column(one_hot, texts, kind=FieldKind.TEXT)
    assert learnt.columns["x"].vocabulary == ("a", "b", "c")
    assert arrays[""].argmax(axis=1).tolist() == [2, 1, 2, 3]
    serving = CompiledContract(compiled.contract, learnt)
    assert serving.input_shapes() == {"": (4,)}
    decoded = serving.decode(batch_of([{"x": "zzz"}, {"x": "c"}, {"x": None}]))
    assert decoded.inputs[""].tolist() == [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    assert decoded.failures[0][1].gap == "null in x"
    places, _, _ = _one_column(Column(name="x", expression="x", encoding=Encoding.CATEGORY), texts, kind=FieldKind.TEXT)
    assert places[""].tolist() == [[2.0], [1.0], [2.0], [3.0]]


def test_missing_values_are_dropped_or_filled() -> None:
    made = Contract(
        format="JSON",
        fields=(field("x"), field("y"), field("z")),
        columns=(
            Column(name="x", expression="x", missing=Missing.MEAN),
            Column(name="y", expression="y", missing=Missing.CONSTANT, constant=-1.0),
            Column(name="z", expression="z"),
        ),
    )
    batch = batch_of([{"x": 1, "y": 2, "z": 3}, {"z": 4}, {"x": 3, "y": 5}, {"x": 5, "y": None, "z": 1}])
    compiled, rows, arrangement, learnt = trained(made, [batch], validation_rate=0, test_rate=0)
    arrays, labels = compiled.samples(rows, learnt, arrangement, np.sort(arrangement.parts.training))
    assert labels is None
    assert arrays[""].tolist() == [[1.0, 2.0, 3.0], [3.0, -1.0, 4.0], [5.0, -1.0, 1.0]]
    assert compiled.raw(batch).failures[0][1].gap == "null in z"


def test_numbers_that_no_model_could_take_are_named() -> None:
    made = Contract(
        format="JSON",
        fields=(field("x"), field("i", FieldKind.INTEGER)),
        columns=(Column(name="x", expression="x * 1e300"), Column(name="i", expression="i")),
    )
    values = [{"x": 1, "i": 1}, {"x": 1e300, "i": 1}, {"x": 0, "i": 2**53 + 1}, {"x": 0, "i": 7}]
    gaps = {index: error.gap for index, error in CompiledContract(made).raw(batch_of(values)).failures}
    assert gaps == {
        0: "a number beyond float32 in x",
        1: "infinity in x",
        2: "a whole number above 2^53 in i",
    }


def test_several_inputs_lists_and_images() -> None:
    def picture(red: int) -> str:
        buffer = io.BytesIO()
        Image.new("RGB", (3, 2), (red, 0, 7)).save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue()).decode()

    made = Contract(
        format="JSON",
        fields=(field("photo", FieldKind.BYTES), field("raw", FieldKind.NUMBERS), field("x"), field("y")),
        columns=(
            Column(name="photo", expression="photo", encoding=Encoding.IMAGE, shape=(2, 3, 3), input="camera"),
            Column(name="raw", expression="raw", encoding=Encoding.NUMBERS, shape=(2, 2), input="scan"),
            Column(name="x", expression="x", input="numbers"),
            Column(name="y", expression="y", input="numbers"),
        ),
        labels=(Label(name="u", expression="x + y"), Label(name="v", expression="x - y")),
    )
    good = {"photo": picture(200), "raw": [1, 2, 3, 4], "x": 1, "y": 2}
    values = [good, {**good, "raw": [1, 2]}, {**good, "photo": "!"}, {**good, "photo": base64.b64encode(b"x").decode()}]
    compiled = CompiledContract(made)
    raw = compiled.raw(batch_of(values))
    assert [error.gap for _, error in raw.failures] == [
        "another length in raw",
        "another type in photo",
        "no picture in photo",
    ]
    arrangement = compiled.arrange(raw.rows, seed=1, validation_rate=0, test_rate=0)
    inputs, labels = compiled.samples(raw.rows, Learnt(), arrangement, arrangement.parts.training)
    assert compiled.input_shapes() == {"camera": (2, 3, 3), "scan": (2, 2), "numbers": (2,)}
    assert [tuple(span) for span in compiled.feature_spans(Learnt())] == [
        ("photo", "camera", 0, 3),
        ("raw", "scan", 0, 2),
        ("x", "numbers", 0, 1),
        ("y", "numbers", 1, 2),
    ]
    assert inputs["camera"].dtype == np.uint8
    assert inputs["camera"][0, 1, 2].tolist() == [200, 0, 7]
    assert inputs["scan"].tolist() == [[[1.0, 2.0], [3.0, 4.0]]]
    assert inputs["numbers"].tolist() == [[1.0, 2.0]]
    assert labels is not None
    assert labels.tolist() == [[3.0, -1.0]]


def test_classes_are_texts_or_numbers_in_their_order() -> None:
    made = contract(columns=(COLUMNS[2],))
    records = [record({"status": "ok", "failure": failure}, place=place) for place, failure in enumerate([10, 9, 2, 9])]
    compiled, rows, arrangement, learnt = trained(made, [ListBatch(records)], validation_rate=0, test_rate=0)
    assert learnt.classes == ("2", "9", "10")
    _, labels = compiled.samples(rows, learnt, arrangement, np.sort(arrangement.parts.training))
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == [2, 1, 0, 1]


def test_serving_needs_no_label_and_no_field_of_it() -> None:
    made = contract(columns=(COLUMNS[2],))
    learnt = Learnt(classes=("0", "1"))
    decoded = CompiledContract(made, learnt).decode(batch_of([{"status": "ok"}, {"status": "x", "failure": "?"}]))
    assert decoded.inputs[""].tolist() == [[0.0], [1.0]]
    gaps = [error.gap for _, error in CompiledContract(made).raw(batch_of([{"status": "ok"}])).failures]
    assert gaps == ["null in failure"]


def test_rows_in_a_file_that_is_mapped_make_the_same_samples(tmp_path: Path) -> None:
    records = machines(300, 3)
    made = contract(window=Window(length=4, horizon=1), split=SplitBy.KEY)
    compiled, rows, arrangement, learnt = trained(made, cut(records, [50]))
    again = CompiledContract(made)
    with (tmp_path / "rows").open("wb") as file:
        for batch in cut(records, [33]):
            file.write(again.raw(batch).rows.tobytes())
    mapped = np.memmap(tmp_path / "rows", again.row_type, "r")
    other = again.arrange(mapped, seed=1, validation_rate=0.2, test_rate=0.2)
    assert again.learn(mapped, other) == learnt
    here, _ = compiled.samples(rows, learnt, arrangement, arrangement.parts.training)
    pieces = [again.samples(mapped, learnt, other, piece)[0][""] for piece in again.pieces(other.parts.training)]
    np.testing.assert_array_equal(here[""], np.concatenate(pieces))


def test_contract_json_goes_there_and_back() -> None:
    compiled, _, _, learnt = trained(contract(), cut(machines(60), [60]))
    back = CompiledContract.from_json(compiled.to_json(learnt))
    assert back.contract == compiled.contract
    assert back.learnt == learnt
    assert back.to_json() == compiled.to_json(learnt)


def test_the_program_of_the_docs_scales_by_contract_json_and_asks_the_downloaded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    columns = [Column(name=name, expression=name, scaling=Scaling.STANDARD) for name in ("temperature", "pressure")]
    kept = Contract(format="JSON", fields=[field("temperature"), field("pressure")], columns=columns)
    learnt = Learnt(
        columns={"temperature": LearntColumn(offset=40, scale=5), "pressure": LearntColumn(offset=1, scale=0.1)}
    )
    (tmp_path / "contract.json").write_bytes(contract_document(kept, learnt))
    (tmp_path / "model.onnx").write_bytes(sum_model(2))
    page = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text()
    (program,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "onnxruntime" in block)
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    # (47.5 - 40) / 5 + (1.2 - 1) / 0.1 = 3.5; without the contract the model would have answered 48.7.
    assert capsys.readouterr().out == "[array([[3.5]], dtype=float32)]\n"


# --- contracts that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "place", "message"),
    [
        ({"columns": (Column(name="x", expression="statsu"),)}, ("columns", 0, "expression"), "no field statsu"),
        ({"columns": (Column(name="x", expression="status"),)}, ("columns", 0, "expression"), "gives text"),
        ({"columns": (COLUMNS[0], COLUMNS[0])}, ("columns", 1, "name"), "two columns are called"),
        (
            {"columns": (Column(name="x", expression="status", encoding=Encoding.CATEGORY, scaling=Scaling.ROBUST),)},
            ("columns", 0, "scaling"),
            "cannot be scaled",
        ),
        (
            {"columns": (Column(name="x", expression="rpm", encoding=Encoding.NUMBERS),)},
            ("columns", 0, "shape"),
            "needs a shape",
        ),
        (
            {"columns": (Column(name="x", expression="rpm", missing=Missing.CONSTANT),)},
            ("columns", 0, "constant"),
            "no constant to replace missing values",
        ),
        ({"labels": (Label(name="y", expression="rpm +"),)}, ("labels", 0, "expression"), "not complete"),
        ({"labels": (*LABELS, Label(name="y", expression="rpm"))}, ("labels",), "a class must be the only label"),
        ({"key": KeyKind.NONE, "columns": (COLUMNS[4],)}, ("key",), "no keys"),
        ({"window": Window(length=3)}, ("split",), "test on what was trained on"),
        (
            {"window": Window(length=1, horizon=1), "split": SplitBy.TIME, "labels": ()},
            ("window", "horizon"),
            "needs a label",
        ),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused_where_it_does(
    changes: dict[str, Any], place: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(ContractError) as caught:
        CompiledContract(contract(**changes))
    assert caught.value.problems[0].place == place
    assert message in caught.value.problems[0].error.message


def test_all_problems_of_columns_are_reported_at_once() -> None:
    columns = (Column(name="x", expression="nope"), COLUMNS[0], Column(name="z", expression="rpm +"))
    with pytest.raises(ContractError) as caught:
        CompiledContract(contract(columns=columns))
    assert [problem.place[1] for problem in caught.value.problems] == [0, 2]

"""Samples are read from files number by number. Invalid ones are refused with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from kafka_ml_cli.files import FileOptions, Samples, open_samples
from kafkaml.errors import RefusedError


def _file(folder: Path, content: str | bytes, name: str = "a.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def _open(path: Path, **options: Any) -> tuple[Samples, np.ndarray[Any, Any], list[Any] | None]:
    samples = open_samples(path, FileOptions(**options))
    parts = list(samples.parts())
    labels = None if parts[0][1] is None else np.concatenate([part[1] for part in parts]).tolist()
    return samples, np.concatenate([part[0] for part in parts]), labels


TAKEN: dict[str, tuple[str | bytes, dict[str, Any], list[Any], list[Any] | None]] = {
    "header and label": ("length,width,class\n5.5,3.5,0\n4,3.0,2\n", {}, [[5.5, 3.5], [4, 3]], [0, 2]),
    "class names": ("a,b,species\n1,2,setosa\n3,4,größe 日本\n", {}, [[1, 2], [3, 4]], ["setosa", "größe 日本"]),
    "text column last": ("a,b,kind\n1,2,x\n3,4,y\n", {}, [[1, 2], [3, 4]], ["x", "y"]),
    "headerless with classes": ("5.5,3.5,Iris-a\n4,3,Iris-b\n", {}, [[5.5, 3.5], [4, 3]], ["Iris-a", "Iris-b"]),
    "no header": ("1;2;7\n3;4;8\n", {"labels": "2"}, [[1, 2], [3, 4]], [7, 8]),
    "chosen columns": ("a,b,c,y\n1,2,3,1.5\n", {"features": "c,a", "labels": "y"}, [[3, 1]], [1.5]),
    "one column": ("value\n12.5\n13\n", {}, [[12.5], [13]], None),
    "one column without header": ("12.5\n13\n", {}, [[12.5], [13]], None),
    "one row": ("12.5\n", {}, [[12.5]], None),
    "one column for both": ("value\n12.5\n13\n", {"labels": "value"}, [[12.5], [13]], [12.5, 13]),
    "one column, decimal comma": ("wert\n12,5\n13,0\n", {}, [[12.5], [13]], None),
    "decimal comma": ("t;p\n20,5;1013,25\n21,0;1012,5\n", {}, [[20.5, 1013.25], [21, 1012.5]], None),
    "quoted decimal comma": ('t,p\n"20,5","1013,25"\n', {}, [[20.5, 1013.25]], None),
    "thousands": ("a;b\n1.234,5;1\n2,5;3\n", {"thousands": ".", "decimal": ","}, [[1234.5, 1], [2.5, 3]], None),
    "excel's first line": ("sep=;\na;b\n1,5;2\n", {}, [[1.5, 2]], None),
    "tabs": ("a\tb\n1\t2\n", {}, [[1, 2]], None),
    "bars": ("a|b\n1|2\n", {}, [[1, 2]], None),
    "blanks": (" 0.5  2.5   3\n 1.5  2.5   4\n", {}, [[0.5, 2.5, 3], [1.5, 2.5, 4]], None),
    "byte order mark": ("\ufeffa,class\n1,x\n2,y\n", {}, [[1], [2]], ["x", "y"]),
    "byte order mark before numbers": ("\ufeff1,2\n3,4\n", {}, [[1, 2], [3, 4]], None),
    "utf-16": ("a;class\n1,5;größe\n".encode("utf-16"), {}, [[1.5]], ["größe"]),
    "utf-16 without mark": ("a;class\n1,5;größe\n".encode("utf-16-le"), {}, [[1.5]], ["größe"]),
    "windows-1252": ("a,class\n1,größe\n".encode("cp1252"), {}, [[1]], ["größe"]),
    "carriage returns": ("a,b\r1,2\r3,4\r", {}, [[1, 2], [3, 4]], None),
    "quotes and line breaks": ('a,class\n"1","x, ""y""\nz"\n2,q\n', {}, [[1], [2]], ['x, "y"\nz', "q"]),
    "blanks around cells": ("a, b, label\n1, 2.5, <=50K\n", {}, [[1, 2.5]], ["<=50K"]),
    "truth": ("a,b,label\ntrue,1,0\nFalse,2,1\n", {}, [[1, 1], [0, 2]], [0, 1]),
    "plus signs": ("a,b\n+5,-3\n+6,.5\n", {}, [[5, -3], [6, 0.5]], None),
    "index of pandas": (",a,b\n0,1,2\n1,3,4\n", {}, [[1, 2], [3, 4]], None),
    "delimiter at each end": ("a,b,\n1,2,\n3,4,\n", {}, [[1, 2], [3, 4]], None),
    "delimiter at the rows' ends": ("a,b\n1,2,\n3,4,\n", {}, [[1, 2], [3, 4]], None),
    "comments": ("# made by x\n# on y, z\na,b\n1,2\n# mid\n#5,6\n3,4\n", {}, [[1, 2], [3, 4]], None),
    "header as NumPy writes it": ("# a,b,label\n1,2,0\n3,4,1\n", {}, [[1, 2], [3, 4]], [0, 1]),
    "rows without a cell": ("a,b\n1,2\n,\n\n3,4\n,\n", {}, [[1, 2], [3, 4]], None),
    "holes left out": ("a,b,y\n1,NA,0\n?,2,1\n3,4,1\n,1,1\n", {"drop_missing": True}, [[3, 4]], [1]),
    "none is a class": ("a,disease\n1,none\n2,flu\n", {"labels": "disease"}, [[1], [2]], ["none", "flu"]),
    "repeated names": ("a,a,label\n1,2,0\n", {}, [[1, 2]], [0]),
    "two labels": ("a,b,c\n1,2,3\n", {"labels": "b,c"}, [[1]], [[2, 3]]),
    "part": ("a,label\n0,0\n1,1\n2,2\n3,0\n", {"skip": 1, "limit": 2}, [[1], [2]], [1, 2]),
    "values to predict": ("a,b,class\n1,2,x\n", {"with_labels": False}, [[1, 2]], None),
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN)
def test_csv_is_taken_as_it_was_meant(tmp_path: Path, what: str) -> None:
    content, options, features, labels = TAKEN[what]
    _, x, y = _open(_file(tmp_path, content), **options)
    assert x.tolist() == np.array(features, x.dtype).tolist()
    assert y == labels


REFUSED: dict[str, tuple[str | bytes, str, str]] = {
    "hole": ("a,b,y\n5,,0\n1,2,1\n", "row 2, column b: found nothing", "--drop-missing .* --features a"),
    "hole in a series": ("v\n1\n\n2\n\n\n", "row 3, column v: found nothing.* 1 of 3 rows", "--drop-missing"),
    "time": ("time,value\n2024-03-01 00:00:00,1.5\n", "row 2, column time: found '2024-03-01 0", "--features v"),
    "German date": ("d;v\n31.12.2024;1,5\n", "row 2, column d: found '31.12.2024', a time", "--features v"),
    "text": ("a,city,b\n1,Berlin,2\n", "row 2, column city: found 'Berlin'", "--features a,b.* --labels city"),
    "one bad cell": ("a,b\n1,2\n2,abc\n", "row 3, column b: found 'abc'", "--features a"),
    "bad cell after a line break": ('a,b,class\n1,2,"x\ny"\n3,bad,q\n', "row 3, column b: found 'bad'", ""),
    "percent": ("a,b\n12%,1\n", "row 2, column a: found '12%'", "percent signs out"),
    "thousands": ('a,b\n"1,234.5",1\n', "row 2, column a: found '1,234.5'", "--thousands , --decimal ."),
    "thousands or decimal comma": ("a;b\n1,234;1\n", "'1,234' may be a number with a", "--decimal , or --thousands ,"),
    "both decimal marks": ("a;b\n1,5;2.5\n", "row 2, column a: found '1,5'", "--decimal ,"),
    "decimal commas between commas": ("a,b\n1,5,2,5\n", "row 2 has 4 cells and the header has 2", "semicolons"),
    "short row": ("a,b\n1,2\n3\n", "row 3 has 1 cell and the header has 2: '3'", "correct that row"),
    "long row": ("a,b\n1,2\n\n3,4,5\n", "row 4 has 3 cells", "correct that row"),
    "open quote": ('a,b\n1,2\n"3,4\n5,6\n', "row 3 has 1 cell", "quote not closed"),
    "infinity": ("a,b\n1,inf\n", "row 2, column b: found 'inf'", "infinity"),
    "hexadecimal": ("a,b\n0x1F,2\n", "found '0x1F'", ""),
    "no type is so large": ("a\n184467440737095516150\n", "found '184467440737095516150'", "no type"),
    "no type holds both": ("i,x\n9007199254740993,1.5\n", "row 2, column i: found 9007199254740993", "--features x"),
    "column without name": (",a\n5,1\n9,2\n", "column 1 has no name", "--features a"),
    "empty column": ("a,b\n1,nan\n2,nan\n", "column b is empty", "--features a"),
    "empty": ("", "is empty", ""),
    "blank lines": ("\n\n", "is empty", ""),
    "header only": ("a,b\n", "no rows", ""),
    "workbook": (b"PK\x03\x04abc", "an Excel workbook", "CSV UTF-8"),
    "zeros": (b"a,b\n1,\x002\n3,4\n", "not text", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_csv_that_cannot_be_sent_is_refused_with_its_place_and_a_remedy(tmp_path: Path, what: str) -> None:
    content, message, hint = REFUSED[what]
    with pytest.raises(RefusedError, match=message) as caught:
        open_samples(_file(tmp_path, content), FileOptions())
    import re

    assert re.search(hint, caught.value.hint), caught.value.hint


@pytest.mark.parametrize(
    ("content", "dtype"),
    [
        ("a,b\n16777216,1\n", "float32"),
        ("a,b\n16777217,1\n", "int64"),
        ("a,b\n9007199254740993,-1\n", "int64"),
        ("a\n18446744073709551615\n", "uint64"),
        ("a,b\n16777217,1.5\n", "float64"),
        ("a,b\n0.1,1\n", "float32"),
    ],
)
def test_whole_numbers_stay_what_they_are(tmp_path: Path, content: str, dtype: str) -> None:
    samples, x, _ = _open(_file(tmp_path, content))
    assert (samples.feature_type, x.dtype.name) == (dtype, dtype)
    assert int(x[0, 0]) == int(float(content.split("\n")[1].split(",")[0])) or str(x[0, 0]) in content


def test_what_was_found_out_is_reported(tmp_path: Path) -> None:
    path = _file(tmp_path, "a;quality\n1,5;3\n2,5;4\n;5\n", encoding="utf-16")
    samples, _, _ = _open(path, drop_missing=True)
    assert samples.described == "columns between semicolons, header, decimal comma, utf-16"
    assert samples.label == "quality"
    assert samples.classes == {"3": 1, "4": 1}
    assert samples.notes == [
        "column quality was taken for the label; --labels names another",
        "1 of 3 rows were left out: a cell is missing in each",
    ]


def test_a_label_that_cannot_be_determined_is_asked_for(tmp_path: Path) -> None:
    path = _file(tmp_path, "a,b,c\n1,2,3\n")
    with pytest.raises(RefusedError, match="which column is the label") as caught:
        open_samples(path, FileOptions(label_required=True))
    assert "--labels c" in caught.value.hint
    assert "--no-labels" in caught.value.hint


def test_an_unknown_column_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="no column 'species': it has a, b"):
        open_samples(_file(tmp_path, "a,b\n1,2\n"), FileOptions(labels="species"))


def test_a_long_file_is_read_in_parts_and_a_late_cell_has_its_row(tmp_path: Path) -> None:
    rows = "".join(f"{index},{index % 7}.25\n" for index in range(1_000_000))
    samples = open_samples(_file(tmp_path, "i,x\n" + rows), FileOptions())
    parts = [part for part, _ in samples.parts()]
    assert len(parts) > 1
    assert sum(map(len, parts)) == samples.count == 1_000_000
    assert parts[-1][-1].tolist() == [999_999, np.float32(999_999 % 7 + 0.25)]
    with pytest.raises(RefusedError, match="row 1000002, column x: found 'oops'"):
        open_samples(_file(tmp_path, "i,x\n" + rows + "1,oops\n"), FileOptions())


@pytest.mark.parametrize(
    ("content", "features", "labels"),
    [
        ('{"a":1,"b":2.5,"label":"x"}\n{"label":"y","b":0.5,"a":2}\n', [[1, 2.5], [2, 0.5]], ["x", "y"]),
        ('{"features":[[1,2],[3,4]],"label":0}\n', [[[1, 2], [3, 4]]], [0]),
        ('[{"a":16777217,"label":1}]', [[16777217]], [1]),
        ("[[1,2],[3,4.5]]", [[1, 2], [3, 4.5]], None),
        ("[1,2]\n[3,4]\n", [[1, 2], [3, 4]], None),
        ("[1,2.5]", [[1], [2.5]], None),
    ],
)
def test_json_lines_and_arrays(tmp_path: Path, content: str, features: list[Any], labels: list[Any] | None) -> None:
    _, x, y = _open(_file(tmp_path, content, "a.jsonl" if "}\n" in content or "]\n" in content else "a.json"))
    assert x.tolist() == features
    assert y == labels


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a":1,"b":2}\n{"a":2}\n', "row 2, column b: found nothing"),
        ('{"a":1}\n{"a":2,"c":3}\n', "row 2 has the key 'c'"),
        ('{"a":1}\n{"a":"x"}\n', "row 2, column a: found 'x'"),
        ('{"a":NaN}\n', "row 1: this is not JSON"),
        ('{"f":[1,2]}\n{"f":[5]}\n', "row 2, column f: found '\\[5\\]'"),
        ("[[1,2],[3]]", "row 2 has 1 elements: expected 2"),
    ],
)
def test_json_that_cannot_be_sent_is_refused_with_its_row(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        open_samples(_file(tmp_path, content, "a.json"), FileOptions())


def test_parquet_with_classes_lists_and_holes(tmp_path: Path) -> None:
    table = pa.table({"f": [[1, 2], [3, 4], None], "label": pa.array(["p", "q", "p"]).dictionary_encode()})
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(RefusedError, match="row 3, column f: found nothing"):
        open_samples(tmp_path / "a.parquet", FileOptions())
    _, x, y = _open(tmp_path / "a.parquet", drop_missing=True)
    assert x.tolist() == [[1, 2], [3, 4]]
    assert y == ["p", "q"]


def test_npz_finds_usual_names_and_keeps_types(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    np.savez(path, images=np.zeros((3, 8, 8), np.uint8), target=np.arange(3))
    _, x, y = _open(path, skip=1, limit=1)
    assert (x.shape, x.dtype) == ((1, 8, 8), np.uint8)
    assert y == [1]


def test_npz_without_usual_names_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "odd.npz"
    np.savez(path, pictures=np.zeros((3, 8, 8)), kinds=np.arange(3))
    with pytest.raises(RefusedError, match="it has pictures, kinds"):
        open_samples(path, FileOptions())
    assert open_samples(path, FileOptions(features="pictures")).label is None


def test_npy_is_mapped_and_labels_are_a_second_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 2), np.float32))
    np.save(tmp_path / "y.npy", np.arange(4))
    samples = open_samples(tmp_path / "x.npy", FileOptions(labels=str(tmp_path / "y.npy")))
    ((x, y),) = samples.parts()
    assert isinstance(x, np.memmap)
    assert y is not None
    assert y.tolist() == [0, 1, 2, 3]


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "bad.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(RefusedError, match="cannot be read"):
        open_samples(tmp_path / "bad.npy", FileOptions())


def test_different_lengths_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((3, 2)), y=np.zeros(2))
    with pytest.raises(RefusedError, match="3 samples but 2 labels"):
        open_samples(path, FileOptions())


@pytest.mark.parametrize("name", ["missing.csv", "missing.npz", "missing.npy", "missing.parquet", "missing.jsonl"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match=name):
        open_samples(tmp_path / name, FileOptions())


@pytest.mark.parametrize("name", ["book.xlsx", "model.h5"])
def test_other_kinds_of_file_are_refused_with_those_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match=r"spreadsheet|\.parquet"):
        open_samples(_file(tmp_path, "x", name), FileOptions())

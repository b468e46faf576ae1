"""Names of types and shapes on the wire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.dtypes import dtype_from_wire, dtype_to_wire, shape_from_wire, shape_to_wire
from kafkaml.errors import DecodeError


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("uint8", "u1"),
        ("int64", "<i8"),
        ("float32", "<f4"),
        ("bool_", "?"),
        ("bool", "?"),
        ("int", "<i8"),
        ("float", "<f8"),
        ("half", "<f2"),
        ("double", "<f8"),
        (" UINT8 ", "u1"),
        ("string", "S"),
        ("str_", "<U"),
        (">f4", ">f4"),
        (">i4", ">i4"),
        ("<f8", "<f8"),
        ("=i4", "<i4"),
        ("|u1", "u1"),
        ("!f4", ">f4"),
        ("f4", "<f4"),
        ("b1", "?"),
        (">float32", ">f4"),
        ("> INT16", ">i2"),
        (">u1", "u1"),
        ("long", "<i8"),
        ("short", "<i2"),
        ("byte", "i1"),
    ],
)
def test_names_that_sinks_write(name: str, dtype: str) -> None:
    assert dtype_from_wire(name) == np.dtype(dtype)


@pytest.mark.parametrize(
    "name",
    ["", ">", ">>f4", "f3", "i16", "c8", "O", "M8", "complex64", "object", "EagerTensor", "uint8; import os", None, 8],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        dtype_from_wire(name)


@pytest.mark.parametrize("value", [np.uint8(1), np.int64(1), np.float16(1), np.bool_(1), 1, 1.0, True])
def test_the_name_that_an_old_sink_derives_is_read_back(value: object) -> None:
    assert dtype_from_wire(type(value).__name__) == np.asarray(value).dtype


def test_big_endian_types_keep_their_order_on_the_wire() -> None:
    assert dtype_to_wire(np.dtype(">f4")) == ">f4"
    assert dtype_to_wire(np.dtype(">u1")) == "uint8"


def test_what_raw_cannot_carry_has_no_name() -> None:
    with pytest.raises(DecodeError):
        dtype_to_wire(np.dtype("complex64"))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("28 28", (28, 28)),
        ("(28, 28)", (28, 28)),
        ("3,", (3,)),
        ("28 28 1", (28, 28, 1)),
        ("", ()),
        (None, ()),
        ("1", ()),
        (1, ()),
        ([28, 28], (28, 28)),
    ],
)
def test_shapes_that_sinks_write(text: str | None, shape: tuple[int, ...]) -> None:
    assert shape_from_wire(text) == shape


@pytest.mark.parametrize("text", ["a", "0", "-1 2", "99999 99999 99999", "1.5", [None]])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        shape_from_wire(text)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=4).map(tuple))
def test_shapes_survive_the_wire(shape: tuple[int, ...]) -> None:
    assert shape_from_wire(shape_to_wire(shape)) == shape

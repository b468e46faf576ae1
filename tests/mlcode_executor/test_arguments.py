"""The parser of fit and evaluation arguments: literals, clear errors, no evaluation."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.arguments import MAX_TEXT_LENGTH, parse_arguments
from kafkaml.errors import ArgumentsError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("  \n ", {}),
        ("epochs=5, shuffle=True", {"epochs": 5, "shuffle": True}),
        ("epochs=5,\nsteps_per_epoch=1000,", {"epochs": 5, "steps_per_epoch": 1000}),
        ("class_weight={0: 1.0, 1: 2}", {"class_weight": {0: 1.0, 1: 2}}),
        ("verbose='auto', validation_freq=(1, 2)", {"verbose": "auto", "validation_freq": [1, 2]}),
        ("a=-1, b=None, c=[1.5, {'d': False}]", {"a": -1, "b": None, "c": [1.5, {"d": False}]}),
        ("epochs=5  # five", {"epochs": 5}),
    ],
)
def test_literals_are_read(text: str, expected: dict[str, object]) -> None:
    assert parse_arguments(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "column 1: 5 has no name"),
        ("epochs", "column 1: epochs has no name"),
        ("epochs=5, shuffle", "column 11: shuffle has no name|positional argument follows"),
        ("epochs=open('x')", r"column 8: epochs=open\('x'\) is not a literal"),
        ("é=1, b=f(2)", r"column 8: b=f\(2\) is not a literal"),
        ("epochs=2**30", "column 8: .* is not a literal"),
        ("epochs=1e999", "column 8: epochs=1e999: the number is not finite"),
        ("a=b'x'", "bytes is not possible"),
        ("a={1, 2}", "set is not possible"),
        ("a={1.5: 2}", "key 1.5"),
        ("a=1, a=2", "column 6: a is given twice|keyword argument repeated"),
        ("**{'a': 1}", "is not possible here"),
        ("epochs=5)(a=1", "more than a list of arguments"),
        ("epochs=5; x", "column 9: invalid syntax"),
        ("epochs=5 shuffle=True", "column 8: invalid syntax"),
        ("x=" + "(" * 3000, "too many nested parentheses"),
        ("a=\x00", "null bytes"),
        ("a=" + "1" * MAX_TEXT_LENGTH, "characters long"),
    ],
)
def test_everything_else_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(ArgumentsError, match=message):
        parse_arguments(text)


def test_the_error_names_the_argument() -> None:
    with pytest.raises(ArgumentsError) as caught:
        parse_arguments("epochs=5, shuffle=yes")
    assert caught.value.argument == "shuffle"


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 99), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["epochs", "shuffle", "class_weight", "verbose"]), _values, max_size=4))
def test_what_is_written_is_read_back(arguments: dict[str, object]) -> None:
    text = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    assert parse_arguments(text) == arguments


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(ArgumentsError):
        parse_arguments(text)

"""A contract and a model that do not fit are recognised before anything is read, with both shapes and advice."""

from __future__ import annotations

from typing import Any

import pytest

from kafkaml.contract.fit import check_contract, declared_shapes
from kafkaml.shapes import DataMismatch, ModelSignature, Shape
from kafkaml.wire.contract import Column, Contract, Encoding, FieldKind, Label, LabelKind, Window
from tests.kafkaml.contract.records import field

THREE = tuple(Column(name=name, expression=name) for name in "abc")
ONE_HOT = Column(name="status", expression="status", encoding=Encoding.ONE_HOT)
PICTURE = Column(name="picture", expression="picture", encoding=Encoding.IMAGE, shape=(8, 8, 1), input="picture")
NAMED = (*(column.model_copy(update={"input": "readings"}) for column in THREE), PICTURE)
KIND = Label(name="kind", expression="kind", kind=LabelKind.CLASS)
FAILURE = Label(name="failure", expression="failure", kind=LabelKind.CLASS)
HEAT, COST = Label(name="heat", expression="heat"), Label(name="cost", expression="cost")


def contract(columns: Any = THREE, labels: Any = (FAILURE,), **more: Any) -> Contract:
    fields = (*map(field, "abc"), field("failure", FieldKind.BOOLEAN))
    return Contract(format="JSON", fields=fields, columns=columns, labels=labels, **more)


def model(takes: Any = (3,), gives: Shape = (1,), **more: Any) -> ModelSignature:
    inputs: dict[str, Shape] = takes if isinstance(takes, dict) else {"x": takes}
    return ModelSignature(inputs, {"y": gives}, **{"names": tuple(inputs), **more})


def test_shapes_are_known_but_for_one_hot_columns() -> None:
    assert declared_shapes(contract()) == {"": (3,)}
    assert declared_shapes(contract((*THREE, ONE_HOT), window=Window(length=10))) == {"": (10, None)}
    assert declared_shapes(contract(NAMED)) == {"readings": (3,), "picture": (8, 8, 1)}


@pytest.mark.parametrize(
    ("given", "signature", "loss", "problem", "hint"),
    [
        (contract(), model(), "binary", "", ""),
        (contract(), model((4,)), "binary", r"3 columns \(a, b, c\): the model's input 'x' takes \(4,\)", "(3,)"),
        (contract(window=Window(length=10)), model(), "binary", r"\(10, 3\), .* windows of 10 records", "LSTM"),
        (contract(window=Window(length=10)), model((None, 3)), "binary", "", ""),
        # Only the training determines the width of a column of categories.
        (contract((*THREE, ONE_HOT)), model((9,)), "binary", "", ""),
        (contract((*THREE, ONE_HOT)), model((9, 9)), "binary", r"\(any,\)", ""),
        # The length in a first layer of PyTorch counts only where no other length was accepted.
        (contract(), model((4,), exact=False), "binary", "", ""),
        (contract(), model((4,), exact=False, proven=True), "binary", r"takes \(4,\)", ""),
        (contract(NAMED), model(), "binary", "inputs readings, picture: the model's are x", "same names"),
        (contract(), model({"u": (3,), "v": (1,)}), "binary", r"2 inputs \(u, v\): the contract's", "each column"),
        (contract(NAMED), model({"picture": (8, 8, 1), "readings": (3,)}), "binary", "", ""),
        (contract(NAMED), model({"picture": (8, 8), "readings": (3,)}), "binary", r"takes|expects \(8, 8\)", ""),
        (contract(), model(), "classes", r"2 classes \(false, true\): the model has 1 output", "binary crossentropy"),
        (contract(), model(gives=(2,)), "one_hot", "a row for each sample", "sparse_categorical_crossentropy"),
        (contract(labels=(HEAT,)), model(gives=(3,)), "numbers", r"1 label to learn \(heat\)", "1 unit,"),
        (contract(labels=(HEAT, COST)), model(), "numbers", "2 labels", "2 units"),
        # A loss of the user's own may be right, so it is not refused.
        (contract(labels=(HEAT,)), model(gives=(3,)), "", "", ""),
        (contract(labels=()), model(gives=(3,)), "classes", "names no label", ""),
    ],
)  # fmt: skip
def test_what_cannot_fit_is_refused(
    given: Contract, signature: ModelSignature, loss: str, problem: str, hint: str
) -> None:
    if not problem:
        check_contract(given, signature, loss)
        return
    with pytest.raises(DataMismatch, match=problem) as expected:
        check_contract(given, signature, loss)
    assert hint in expected.value.hint


def test_classes_and_widths_are_held_against_the_model_once_they_are_learnt() -> None:
    ten = [f"kind {number}" for number in range(10)]
    given = contract((*THREE, ONE_HOT), labels=(KIND,))
    check_contract(given, model((7,), (10,)), "classes", shapes={"": (7,)}, classes=ten)
    with pytest.raises(DataMismatch, match=r"10 classes .* and 4 more.* 1 output and a binary crossentropy") as wrong:
        check_contract(given, model((7,)), "binary", classes=ten)
    assert "10 units" in wrong.value.hint
    with pytest.raises(DataMismatch, match="9 outputs, one for each class"):
        check_contract(given, model((7,), (9,)), "classes", classes=ten)
    with pytest.raises(DataMismatch, match=r"shape \(7,\), 4 columns .* takes \(9,\)"):
        check_contract(given, model((9,)), "binary", shapes={"": (7,)})

"""Labels before training: renumbered with their names kept, refused with a reason, or left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.shapes import DataMismatch, ModelSignature
from model_training.labels import LabelKind, LabelPlan, LabelRule, LossLabels, plan_labels, rule_of

Array = np.ndarray[Any, Any]


def signature(*output: int, exact: bool = True) -> ModelSignature:
    return ModelSignature(inputs={}, outputs={"y": output} if output else {}, exact=exact)


def plan(
    labels: Any,
    outputs: int | tuple[int, ...] | None = 3,
    kind: LabelKind = LabelKind.CLASSES,
    *,
    test: Any = None,
    ignored: int | None = None,
    names: tuple[str, ...] = (),
    exact: bool = True,
) -> LabelPlan:
    """Plan training labels, and test labels if given."""
    shape = () if outputs is None else outputs if isinstance(outputs, tuple) else (outputs,)
    training = np.asarray(labels)
    tested = training[:0] if test is None else np.asarray(test, training.dtype)
    return plan_labels(
        {"training": training, "validation": training[:0], "test": tested},
        loss=LossLabels(kind, ignored),
        signature=signature(*shape, exact=exact),
        class_names=names,
    )


def written(found: LabelPlan, labels: Array, folder: Path) -> Array:
    path = folder / "labels"
    dtype = found.write(labels, path)
    return np.fromfile(path, dtype).reshape(labels.shape)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8, np.int8])
@pytest.mark.parametrize("exact", [True, False])
def test_classes_counted_from_one_are_numbered_from_zero(tmp_path: Path, dtype: Any, exact: bool) -> None:
    labels = np.array([1, 2, 3, 1], dtype)
    found = plan(labels, exact=exact)
    assert found.names == ("1", "2", "3")
    mapped = written(found, labels, tmp_path)
    assert mapped.tolist() == [0, 1, 2, 0]
    assert mapped.dtype == dtype
    (warning,) = found.warnings
    assert warning == (
        "the labels are 1, 2, 3, and models number the classes from 0: they are taken as 0, 1, 2, their names are kept"
    )


@pytest.mark.parametrize(
    ("labels", "outputs", "values", "names"),
    [
        ([-1, 0, 1], 3, [-1, 0, 1], ("-1", "0", "1")),
        ([0, 5, 9], 3, [0, 5, 9], ("0", "5", "9")),
        ([0.0, 5.0, 9.0], 4, [0, 5, 9], ("0", "5", "9", "output 3")),
        ([10, 20], 2, [10, 20], ("10", "20")),
        # The labels count from one. Class 2 is missing in these samples, and the others keep their places.
        ([1, 3], 3, [1, 2, 3], ("1", "2", "3")),
        ([2**40, 2**40 + 1], 2, [2**40, 2**40 + 1], (str(2**40), str(2**40 + 1))),
    ],
)
def test_what_cannot_be_right_is_renumbered(
    labels: list[float], outputs: int, values: list[int], names: tuple[str, ...]
) -> None:
    found = plan(labels, outputs)
    assert found.values is not None
    assert found.values.tolist() == values
    assert found.names == names


@pytest.mark.parametrize(
    ("labels", "outputs"),
    [([0, 1, 2], 3), ([0, 2], 3), ([2, 2, 1], 3), ([1, 2, 3], 4), ([5.0], 10), ([True, False], 2)],
)
def test_what_can_be_right_is_left_alone(labels: list[Any], outputs: int) -> None:
    assert plan(labels, outputs).values is None


def test_all_parts_decide_together() -> None:
    assert plan([1, 2, 1], 3).values is None
    found = plan([1, 2, 1], 3, test=[3])
    assert found.values is not None
    assert found.values.tolist() == [1, 2, 3]


def test_labels_beyond_the_outputs_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataMismatch) as caught:
        plan([1001, 1002, 1003, 1004], 2)
    assert "go up to 1004, 4 different ones (1001, 1002, 1003, 1004): the model has 2 outputs" in str(caught.value)
    assert "record's key" in caught.value.hint
    assert "4 units" in caught.value.hint


def test_one_output_holds_no_two_classes() -> None:
    with pytest.raises(DataMismatch, match="1 output, for a single class") as caught:
        plan([0, 1, 1], 1)
    assert "binary crossentropy" in caught.value.hint


def test_texts_beyond_the_outputs_are_shown() -> None:
    with pytest.raises(DataMismatch, match=r"3 different texts \(cat, dog, owl\): the model has 2 outputs"):
        plan([0, 1, 2], 2, names=("cat", "dog", "owl"))


def test_fractions_are_not_classes() -> None:
    with pytest.raises(DataMismatch, match="with fractions") as caught:
        plan([0.25, 1.0, 2.0])
    assert "mean squared error" in caught.value.hint


def test_the_label_that_the_loss_leaves_out_stays(tmp_path: Path) -> None:
    labels = np.array([1, 255, 2, 3], np.uint8)
    found = plan(labels, 3, ignored=255)
    assert written(found, labels, tmp_path).tolist() == [0, 255, 1, 2]
    assert plan([0, 1, -100, 2], 3, ignored=-100).values is None


def test_a_mask_is_numbered_element_by_element(tmp_path: Path) -> None:
    masks = np.array([[[0, 255], [255, 0]]], np.uint8)
    keras = plan(masks, (2, 2, 2))
    assert written(keras, masks, tmp_path).tolist() == [[[0, 1], [1, 0]]]
    assert plan(masks, (2, 2, 2), exact=False).names == ("0", "255")


def test_two_classes_of_a_binary_loss() -> None:
    for labels, names in (([1, 2], ("1", "2")), ([-1, 1], ("-1", "1")), ([0, 255], ("0", "255"))):
        found = plan(labels, 1, LabelKind.BINARY)
        assert found.values is not None
        assert found.values.tolist() == labels
        assert found.names == names
    assert plan([0, 1], 1, LabelKind.BINARY).values is None
    assert plan([0.0, 0.3, 1.0], 1, LabelKind.BINARY).values is None
    with pytest.raises(DataMismatch, match=r"go from 1 to 3, 3 different ones: .*takes the two classes 0 and 1"):
        plan([1, 2, 3], 1, LabelKind.BINARY)
    with pytest.raises(DataMismatch, match=r"numbers between -3\.5 and 7"):
        plan([-3.5, 7.0], 1, LabelKind.BINARY)


def test_signs_stay_for_losses_of_signs() -> None:
    found = plan([-1, 1], 1, LabelKind.SIGNS)
    assert found.values is None
    assert found.names == ("-1", "1")


def test_probabilities_for_each_class_are_not_numbers_of_classes() -> None:
    found = plan(np.eye(3, dtype=np.float32) * 0.5, 3, exact=False)
    assert found.values is None
    assert found.names == ("0", "1", "2")


def test_labels_that_are_not_numbers_are_counted() -> None:
    labels = [0.0, np.nan, 1.0, np.inf]
    with pytest.raises(DataMismatch, match="2 of the stream's 4 labels are NaN or infinite"):
        plan(labels, 3)
    with pytest.raises(DataMismatch, match="NaN or infinite"):
        plan(labels, 1, LabelKind.NUMBERS)
    # A user's own loss may ignore them.
    assert any("does the loss expect it" in warning for warning in plan(labels, 1, LabelKind.UNKNOWN).warnings)


def test_one_class_only_is_said() -> None:
    assert any("all 4 labels are the same, 2" in warning for warning in plan([2, 2, 2, 2]).warnings)
    assert any("the same, cat" in warning for warning in plan([0, 0], 2, names=("cat",)).warnings)


def test_a_class_that_nobody_trained_on_is_said() -> None:
    (warning,) = plan([0, 1, 1], 3, test=[2, 1]).warnings
    assert warning == "a class is among the test samples that none of the training samples has: 2"
    mapped = plan([1, 2, 2], 3, test=[3]).warnings
    assert any("none of the training samples has: 3" in mapped_warning for mapped_warning in mapped)


def test_ids_are_asked_about_and_taken() -> None:
    ids = np.tile([1001, 1002, 1003, 1004], 75)
    assert any("look like ids" in warning for warning in plan(ids, 1, LabelKind.NUMBERS).warnings)
    assert not plan(np.arange(300) * 7, 1, LabelKind.NUMBERS).warnings
    assert not plan(np.tile([1, 2, 3, 4, 5], 60), 1, LabelKind.NUMBERS).warnings
    devices = plan([0, 1, 0], 2, names=("pump-1001", "pump-1002")).warnings
    assert any("look like ids" in device for device in devices)
    assert not plan([0, 1, 0], 2, names=("cat", "dog")).warnings


def test_names_are_kept_for_what_looks_like_classes_under_a_loss_of_ones_own() -> None:
    assert plan([0, 1, 2], 3, LabelKind.UNKNOWN).names == ("0", "1", "2")
    assert plan([0.5, 1.5], 1, LabelKind.UNKNOWN).names == ()
    found = plan([1, 2, 3], 3, LabelKind.UNKNOWN)
    assert found.values is None
    assert "go up to 3" in found.doubts[0].message


def test_text_under_a_loss_of_quantities_is_said() -> None:
    assert any(
        "as quantities" in warning for warning in plan([0, 1], 1, LabelKind.NUMBERS, names=("cat", "dog")).warnings
    )


def test_unknown_outputs_change_nothing() -> None:
    assert plan([1, 2, 3], None).values is None
    with pytest.raises(DataMismatch, match="begin at -1"):
        plan([-1, 2], None)


def test_nonsense_about_the_loss_is_not_knowledge() -> None:
    assert LossLabels.from_report({"kind": ["classes"], "ignored": "x"}) == LossLabels()
    assert LossLabels.from_report({"kind": "classes", "ignored": -1}) == LossLabels(LabelKind.CLASSES, -1)


def rule(labels: list[Any] | np.ndarray[Any, Any], kind: LabelKind, outputs: int | None = 3, **more: Any) -> LabelRule:
    given = {"may_be_whole": False, "loss": LossLabels(kind), **more}
    return rule_of(np.asarray(labels), signature=signature(outputs) if outputs else signature(), **given)


class TestLabelsOfAStreamWithoutEnd:
    def test_classes_are_the_numbers_that_they_are_whichever_come_first(self) -> None:
        for first in ([0], [2, 2], [1, 2], [0, 1, 2]):
            found = rule(first, LabelKind.CLASSES)
            assert found.names == ("0", "1", "2")
            assert found.wrong(np.array([0, 2, 3, -1])).tolist() == [False, False, True, True]

    @pytest.mark.parametrize("labels", [[1, 2, 3], [-1, 0], [0.5, 1.0], [7]])
    def test_what_would_have_to_be_renumbered_is_refused(self, labels: list[float]) -> None:
        with pytest.raises(DataMismatch, match="the model's loss takes whole numbers from 0 to 2") as caught:
            rule(labels, LabelKind.CLASSES)
        assert "cannot be numbered before all of them came" in caught.value.hint

    def test_floats_of_classes_are_handed_over_as_whole_numbers(self) -> None:
        assert rule([0.0, 2.0], LabelKind.CLASSES).dtype == "<i8"
        assert rule(np.array([0, 2], np.uint8), LabelKind.CLASSES).dtype == "|u1"

    def test_an_ignored_label_is_not_a_wrong_one(self) -> None:
        found = rule([-100, 1], LabelKind.CLASSES, loss=LossLabels(LabelKind.CLASSES, -100))
        assert found.wrong(np.array([-100, -99])).tolist() == [False, True]

    def test_quantities_may_be_anything(self) -> None:
        found = rule([1.0, 2.0], LabelKind.NUMBERS, 1, may_be_whole=True)
        assert (found.dtype, found.whole, found.names) == ("<f8", False, ())
        assert not found.wrong(np.array([-2.5, 1e9])).any()

    def test_two_classes_are_0_and_1_and_what_lies_between(self) -> None:
        found = rule([0, 1], LabelKind.BINARY, 1)
        assert found.names == ("0", "1")
        assert found.wrong(np.array([0.5, 2.0])).tolist() == [False, True]
        with pytest.raises(DataMismatch, match="takes numbers from 0 to 1"):
            rule([1, 2], LabelKind.BINARY, 1)

    def test_of_a_loss_of_the_users_own_the_first_labels_tell_whether_all_are_whole(self) -> None:
        assert rule([1.0, 2.0], LabelKind.UNKNOWN, may_be_whole=True).dtype == "<i8"
        assert rule([1.0, 2.5], LabelKind.UNKNOWN, may_be_whole=True).dtype == "<f8"
        assert rule([1.0, 2.0], LabelKind.UNKNOWN).dtype == "<f8"
        assert rule([1.0, 2.0], LabelKind.UNKNOWN, may_be_whole=True).wrong(np.array([2.5])).tolist() == [True]

    def test_a_label_of_many_numbers_is_wrong_if_one_of_them_is(self) -> None:
        loss, pixels = LossLabels(LabelKind.CLASSES), signature(3, 2, exact=False)
        found = rule_of(np.zeros((4, 2)), loss=loss, signature=pixels, may_be_whole=False)
        assert found.wrong(np.array([[0, 1], [2, 3]])).tolist() == [False, True]

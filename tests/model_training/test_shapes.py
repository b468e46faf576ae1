from __future__ import annotations

import pytest

from model_training.shapes import (
    DataMismatch,
    ModelSignature,
    check_label_range,
    check_label_shape,
    fit_feature_shape,
)


def signature(input_shape: list[int | None] | None, output_shape: list[int | None] | None = None) -> ModelSignature:
    return ModelSignature.from_report(
        {
            "inputs": [{"name": "image", "shape": input_shape, "dtype": "float32"}],
            "outputs": [{"name": "scores", "shape": output_shape, "dtype": "float32"}],
        }
    )


@pytest.mark.parametrize(
    ("sample", "expected", "handed_over"),
    [
        ((28, 28), [None, 28, 28], (28, 28)),
        ((28, 28), [None, 28, 28, 1], (28, 28, 1)),
        ((28, 28, 1), [None, 28, 28], (28, 28)),
        ((), [None, 1], (1,)),
        ((40, 3), [None, None, 3], (40, 3)),
        ((5,), None, (5,)),
    ],
)
def test_samples_that_fit_or_lack_only_a_last_axis_of_one(
    sample: tuple[int, ...], expected: list[int | None] | None, handed_over: tuple[int, ...]
) -> None:
    assert fit_feature_shape(sample, signature(expected)) == handed_over


def test_another_shape_is_refused_with_what_to_change() -> None:
    with pytest.raises(DataMismatch) as caught:
        fit_feature_shape((8, 8), signature([None, 28, 28]))
    assert caught.value.message == (
        "the stream's samples have the shape (8, 8): the model's input 'image' expects (28, 28)"
    )
    assert "Input of shape (8, 8)" in caught.value.hint


def test_the_same_number_of_elements_is_a_matter_of_data_reshape() -> None:
    with pytest.raises(DataMismatch) as caught:
        fit_feature_shape((784,), signature([None, 28, 28, 1]))
    assert "data_reshape to '28 28 1'" in caught.value.hint


def test_several_inputs_are_refused() -> None:
    two = ModelSignature({"a": (2,), "b": (3,)}, {})
    with pytest.raises(DataMismatch, match=r"2 inputs \(a, b\)"):
        fit_feature_shape((5,), two)


@pytest.mark.parametrize(
    ("label", "output"),
    [
        ((), [None, 10]),
        ((1,), [None, 10]),
        ((10,), [None, 10]),
        ((), [None, 1]),
        ((4, 4), [None, 4, 4, 3]),
        ((7,), None),
    ],
)
def test_labels_of_the_usual_losses_are_accepted(label: tuple[int, ...], output: list[int | None] | None) -> None:
    check_label_shape(label, signature([None, 2], output))


def test_labels_of_another_width_are_refused() -> None:
    with pytest.raises(DataMismatch, match=r"labels have the shape \(5,\): the model's output 'scores' has \(10,\)"):
        check_label_shape((5,), signature([None, 2], [None, 10]))


def test_a_class_without_an_output_is_refused() -> None:
    with pytest.raises(DataMismatch, match="labels go up to 10: the model has 10 outputs"):
        check_label_range((), 10, signature([None, 2], [None, 10]))
    check_label_range((), 9, signature([None, 2], [None, 10]))
    check_label_range((), 500, signature([None, 2], [None, 1]))
    check_label_range((10,), 500, signature([None, 2], [None, 10]))

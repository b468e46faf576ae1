from __future__ import annotations

import pytest

from kafkaml.shapes import (
    DataMismatch,
    ModelSignature,
    Shape,
    check_inputs,
    fit_feature_shape,
    label_range_doubt,
    label_shape_doubt,
)


def signature(
    input_shape: list[int | None] | None, output_shape: list[int | None] | None = None, *, exact: bool = True
) -> ModelSignature:
    return ModelSignature.from_report(
        {
            "inputs": [{"name": "image", "shape": input_shape, "dtype": "float32"}],
            "outputs": [{"name": "scores", "shape": output_shape, "dtype": "float32"}],
        },
        exact=exact,
    )


@pytest.mark.parametrize(
    ("sample", "expected", "handed_over"),
    [
        ((28, 28), [None, 28, 28], (28, 28)),
        ((28, 28), [None, 28, 28, 1], (28, 28, 1)),
        ((28, 28), [None, 1, 28, 28], (1, 28, 28)),
        ((28, 28, 1), [None, 28, 28], (28, 28)),
        ((1, 28, 28), [None, 28, 28], (28, 28)),
        ((), [None, 1], (1,)),
        ((40, 3), [None, None, 3], (40, 3)),
        ((5,), None, (5,)),
    ],
)
def test_samples_that_fit_or_lack_only_a_last_axis_of_one(
    sample: tuple[int, ...], expected: list[int | None] | None, handed_over: tuple[int, ...]
) -> None:
    assert fit_feature_shape(sample, signature(expected)) == (handed_over, None)


def test_another_shape_is_refused_with_what_to_change() -> None:
    with pytest.raises(DataMismatch) as caught:
        fit_feature_shape((8, 8), signature([None, 28, 28]))
    assert caught.value.message == (
        "the stream's samples have the shape (8, 8): the model's input 'image' expects (28, 28)"
    )
    assert "input of shape (8, 8)" in caught.value.hint


def test_the_same_number_of_elements_is_a_matter_of_data_reshape() -> None:
    with pytest.raises(DataMismatch) as caught:
        fit_feature_shape((784,), signature([None, 28, 28, 1]))
    assert "data_reshape to '28 28 1'" in caught.value.hint


@pytest.mark.parametrize(
    ("sample", "first_layer", "handed_over"),
    [
        # Flatten followed by Linear(64).
        ((8, 8), [None, 64], (8, 8)),
        # Linear works on the last axis, whatever precedes it.
        ((10, 64), [None, 64], (10, 64)),
        # Conv2d(1, ...) on images without a channel axis. The model process adds the axis unless the code does.
        ((8, 8), [None, 1, None, None], (8, 8)),
        ((6,), [None, 1, None], (6,)),
        # Linear(1) on single numbers.
        ((), [None, 1], (1,)),
        ((3, 8, 8), [None, 3, None, None], (3, 8, 8)),
        # Images with the channels last. The model process moves that axis.
        ((8, 8, 3), [None, 3, None, None], (8, 8, 3)),
    ],
)
def test_what_a_first_layer_tells_is_not_taken_too_literally(
    sample: tuple[int, ...], first_layer: list[int | None], handed_over: tuple[int, ...]
) -> None:
    assert fit_feature_shape(sample, signature(first_layer, exact=False)) == (handed_over, None)


@pytest.mark.parametrize(
    ("sample", "first_layer"), [((8, 8), [None, 784]), ((5,), [None, 64]), ((8, 8, 3), [None, 4, None, None])]
)
def test_what_a_first_layer_would_not_take_is_doubtful_but_not_refused(
    sample: tuple[int, ...], first_layer: list[int | None]
) -> None:
    shape, doubt = fit_feature_shape(sample, signature(first_layer, exact=False))
    assert shape == sample
    assert "the model's input 'image' expects" in str(doubt)


def test_several_inputs_are_not_one_array() -> None:
    two = ModelSignature({"a": (2,), "b": (3,)}, {})
    with pytest.raises(DataMismatch, match=r"2 inputs \(a, b\): the samples are one array"):
        fit_feature_shape((5,), two)


@pytest.mark.parametrize(
    ("given", "exact", "problem"),
    [
        ({"b": (3,), "a": (2,)}, True, ""),
        ({"a": (2,), "c": (3,)}, True, "inputs a, c: the model's are a, b"),
        ({"a": (2,), "b": (3,), "c": (1,)}, True, "inputs a, b, c: the model's are a, b"),
        # An argument of forward with a default is not reported.
        ({"a": (2,), "b": (3,), "c": (1,)}, False, ""),
        ({"a": (2,), "b": (4,)}, True, r"'b' has the shape \(4,\): the model expects \(3,\)"),
        ({"a": (2,), "b": (None,)}, True, ""),
    ],
)
def test_several_inputs_go_by_name(given: dict[str, Shape], exact: bool, problem: str) -> None:
    two = ModelSignature({"a": (2,), "b": (3,)}, {}, exact, ("a", "b"))
    if not problem:
        check_inputs(given, two)
        return
    with pytest.raises(DataMismatch, match=problem):
        check_inputs(given, two)


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
    assert label_shape_doubt(label, signature([None, 2], output)) is None


def test_labels_of_another_width_are_doubtful() -> None:
    doubt = label_shape_doubt((5,), signature([None, 2], [None, 10]))
    assert "labels have the shape (5,): the model's output 'scores' has (10,)" in str(doubt)


def test_a_class_without_an_output_is_doubtful() -> None:
    doubt = label_range_doubt((), 10, signature([None, 2], [None, 10]))
    assert "labels go up to 10: the model has 10 outputs" in str(doubt)
    assert label_range_doubt((), 9, signature([None, 2], [None, 10])) is None
    assert label_range_doubt((), 500, signature([None, 2], [None, 1])) is None
    assert label_range_doubt((10,), 500, signature([None, 2], [None, 10])) is None

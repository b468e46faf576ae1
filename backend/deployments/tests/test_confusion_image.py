"""The image of a confusion matrix, for few and for many classes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from backend.deployments.confusion_image import draw_confusion_matrix


def pixels(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


@pytest.mark.parametrize("classes", [1, 2, 10, 43, 200])
def test_any_number_of_classes_fits(classes: int) -> None:
    matrix = [[5 if i == j else 0 for j in range(classes)] for i in range(classes)]
    image = pixels(draw_confusion_matrix(matrix, [f"class {i}" for i in range(classes)], title="digits"))
    assert image.width <= 1700
    assert image.height <= 1700


def test_the_diagonal_of_a_perfect_model_is_dark() -> None:
    image = pixels(draw_confusion_matrix([[9, 0], [0, 9]], ["cat", "dog"]))
    colours = {colour for _, colour in image.getcolors(1 << 20) or []}
    assert (8, 72, 135) in colours


@pytest.mark.parametrize("matrix", [[], [[1, 2]], [[0] * 201] * 201])
def test_what_is_not_a_matrix_is_refused(matrix: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="square"):
        draw_confusion_matrix(matrix, [])


def test_labels_of_any_kind_are_drawn() -> None:
    draw_confusion_matrix([[0, 0], [0, 0]], ["日本語\x00", "x" * 500], title="\n" * 100)

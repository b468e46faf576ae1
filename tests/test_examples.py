"""What the examples show on a terminal."""

from __future__ import annotations

import io

import numpy as np
from rich.console import Console

from examples.digits.data import Digits
from examples.digits.show import some_images


def test_bright_pixels_are_drawn_and_dark_ones_are_not() -> None:
    image = np.zeros((1, 8, 8), np.uint8)
    image[0, 0, :4] = 255
    image[0, 1, 0] = 128
    text = io.StringIO()
    some_images(Console(file=text, width=100), Digits(image, np.array([7])), {"digits-keras": np.array([3])}, count=1)
    _, first, second, third, *rest = text.getvalue().splitlines()
    assert len(set(first.strip())) == 1
    assert len(first.strip()) == 8
    assert second.strip() not in ("", first.strip())
    assert not third.strip()
    assert [line.split() for line in rest[-2:]] == [["true", "class:", "7"], ["keras:", "3"]]

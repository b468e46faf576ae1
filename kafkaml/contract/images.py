"""Pictures (PNG, JPEG) as arrays. The input is not trusted: nothing is unpacked unless its size is the declared one."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.codecs.looks import shown
from kafkaml.contract.loading import image_shape
from kafkaml.errors import DecodeError

__all__ = ["picture"]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def picture(data: bytes, shape: tuple[int, ...], column: str) -> npt.NDArray[Any]:
    """Return the picture in ``data`` as uint8 of ``shape``: (height, width) or (height, width, channels).

    Converts between grey and colour; raises DecodeError for another size.
    """
    from PIL import Image

    found = image_shape(data)
    if found is None:
        raise DecodeError(f"{column} is {shown(data, 40)}: expected a PNG or JPEG", gap=f"no picture in {column}")
    if found[:2] != shape[:2]:
        raise DecodeError(
            f"{column} is a picture of {found[0]} x {found[1]}: expected {shape[0]} x {shape[1]} (height x width)",
            gap=f"a picture of another size in {column}",
            hint="write pictures of one size",
        )
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
            if (image.height, image.width) != shape[:2]:
                raise ValueError(f"{image.height} x {image.width}")
            pixels = np.asarray(image.convert(_MODES[shape[2] if len(shape) > 2 else 1]))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DecodeError(
            f"{column} is a picture that cannot be read ({error})"[:200], gap=f"a broken picture in {column}"
        ) from error
    return pixels.reshape(shape)

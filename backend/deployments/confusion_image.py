"""A confusion matrix as a PNG, drawn from its numbers; nothing that a model process made is ever shown as an image."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from backend.deployments.image_fonts import Font, default_font, font_for

__all__ = ["MAX_CLASSES", "draw_confusion_matrix"]

# More classes than this have no legible image; the numbers are in the API.
MAX_CLASSES = 200
_MAX_LABEL = 14
_INK = (33, 37, 41)
_PAPER = (255, 255, 255)
_RIGHT = (8, 72, 135)
_WRONG = (168, 62, 0)
# A cell below this size in pixels has no room for its number.
_MIN_CELL_FOR_TEXT = 26


def draw_confusion_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str], *, title: str = "") -> bytes:
    """Return a PNG of ``matrix`` (true class in rows, predicted in columns), shaded by the share of the row: hits in
    blue, mistakes in orange.

    ValueError when it is not square, is empty, or has more than MAX_CLASSES classes.
    """
    classes = len(matrix)
    if not 0 < classes <= MAX_CLASSES or any(len(row) != classes for row in matrix):
        raise ValueError(f"got {classes} rows: expected a square matrix of 1 to {MAX_CLASSES} classes")
    names = [_short(labels[i] if i < len(labels) else str(i)) for i in range(classes)]
    cell = max(6, min(64, 900 // classes))
    size = max(9, min(16, cell // 3 + 4))
    font = default_font(size)
    written = [font_for(name, size) for name in names]
    label_width = int(max(font.getlength(name) for font, name in written)) + 12
    left, top = label_width + 26, label_width + 56
    width = max(left + classes * cell + 20, 360)
    image = Image.new("RGB", (width, top + classes * cell + 20), _PAPER)
    draw = ImageDraw.Draw(image)
    heading, title = font_for(_short(title, 60), 16)
    draw.text((12, 8), title, font=heading, fill=_INK)
    draw.text((left, 34), "predicted class", font=font, fill=_INK)
    _draw_vertical(image, "true class", (4, top), font)
    # Where labels would run into each other, every n-th is written.
    step = max(1, -(-12 // cell))
    for i, (letters, name) in enumerate(written):
        if i % step == 0:
            draw.text((left - 8, top + i * cell + cell // 2), name, font=letters, fill=_INK, anchor="rm")
            _draw_vertical(image, name, (left + i * cell + cell // 2 - 8, top - label_width), letters)
    for i, row in enumerate(matrix):
        total = sum(row) or 1
        for j, count in enumerate(row):
            full = _RIGHT if i == j else _WRONG
            _draw_cell(draw, (left + j * cell, top + i * cell), cell, count, count / total, full, font)
    output = io.BytesIO()
    image.save(output, "PNG", optimize=True)
    return output.getvalue()


def _draw_cell(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    size: int,
    count: int,
    share: float,
    full: tuple[int, int, int],
    font: Font,
) -> None:
    share = min(1.0, max(0.0, share))
    colour = tuple(round(light + (dark - light) * share) for light, dark in zip(_PAPER, full, strict=True))
    x, y = corner
    draw.rectangle((x, y, x + size, y + size), fill=colour, outline=(206, 212, 218) if size > 10 else None)
    if size >= _MIN_CELL_FOR_TEXT:
        ink = _PAPER if share > 0.5 else _INK
        draw.text((x + size // 2, y + size // 2), str(count), font=font, fill=ink, anchor="mm")


def _draw_vertical(image: Image.Image, text: str, corner: tuple[int, int], font: Font) -> None:
    width = int(font.getlength(text)) + 4
    strip = Image.new("RGB", (width, 20), _PAPER)
    ImageDraw.Draw(strip).text((0, 2), text, font=font, fill=_INK)
    image.paste(strip.rotate(90, expand=True), corner)


def _short(text: str, limit: int = _MAX_LABEL) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"

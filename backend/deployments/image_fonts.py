"""Fonts for images: chooses, for each text, an installed font that has its letters.

Pillow brings one font, of Latin, Greek and Cyrillic letters. Letters that no font has are written as their numbers,
``\\u65e5``, which can at least be distinguished, unlike boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from PIL import ImageFont

__all__ = ["Font", "default_font", "font_for"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Files with fonts of many scripts, in the order in which they are tried. Pillow knows where each system keeps them.
_NAMES = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "SourceHanSans-Regular.ttc",
          "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "DroidSansFallback.ttf", "ipagp.ttf",
          "ipaexg.ttf", "NanumGothic.ttf", "Arial Unicode.ttf", "PingFang.ttc", "msyh.ttc", "malgun.ttf",
          "FreeSans.ttf", "unifont.ttf", "unifont.otf", "arial.ttf", "segoeui.ttf")  # fmt: skip
_NO_LETTER = "\U0010fffe"


@cache
def default_font(size: int) -> Font:
    """Return Pillow's own font."""
    return ImageFont.load_default(size)


def font_for(text: str, size: int) -> tuple[Font, str]:
    """Return a font that has all letters of ``text``, and the text; otherwise the best font, and missing letters as
    numbers.
    """
    best, most = default_font(size), -1
    letters = set(text)
    for font in _fonts(size):
        known = sum(_has(font, letter) for letter in letters)
        if known > most:
            best, most = font, known
        if known == len(letters):
            return font, text
    return best, "".join(letter if _has(best, letter) else _number(letter) for letter in text)


def _number(letter: str) -> str:
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def _fonts(size: int) -> Iterator[Font]:
    yield default_font(size)
    yield from filter(None, (_loaded(name, size) for name in _NAMES))


@cache
def _loaded(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@cache
def _has(font: Font, letter: str) -> bool:
    """Whether the font draws something else for ``letter`` than for a letter that no font has."""
    if letter.isascii():
        return True
    drawn, missing = font.getmask(letter), font.getmask(_NO_LETTER)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)

"""Fonts for images: for each text one that has its letters, of those that the machine has.

Pillow brings one font, of Latin, Greek and Cyrillic letters. Letters that no font has are written as their numbers,
``\\u65e5``, which can at least be told apart; a box cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont

__all__ = ["Font", "default_font", "font_for"]

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"),
            Path("/System/Library/Fonts"), Path("C:/Windows/Fonts"))  # fmt: skip
# What font files of many scripts are called, in the order in which they are tried.
_WANTED = ("dejavusans.", "notosans-regular", "notosanscjk-regular", "notosanscjk", "sourcehansans", "wqy",
           "droidsansfallback", "ipagothic", "ipaexg", "nanumgothic", "arial unicode", "hiragino", "pingfang", "msyh",
           "malgun", "notosans", "freesans", "unifont", "arial", "segoeui")  # fmt: skip
_SUFFIXES = (".ttf", ".ttc", ".otf")
_MAX_FONTS = 60
_NO_LETTER = "\U0010fffe"


@cache
def default_font(size: int) -> Font:
    """Return Pillow's own font."""
    return ImageFont.load_default(size)


def font_for(text: str, size: int) -> tuple[Font, str]:
    """Return a font that has all letters of ``text``, and the text; else the best, and letters it lacks as numbers."""
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
    for path in _files():
        font = _loaded(path, size)
        if font is not None:
            yield font


@cache
def _loaded(path: Path, size: int) -> Font | None:
    try:
        return ImageFont.truetype(str(path), size)
    except OSError:
        return None


@cache
def _files() -> tuple[Path, ...]:
    """Return font files, those of many letters first."""
    found: list[tuple[int, str, Path]] = []
    for folder in _FOLDERS:
        for path in folder.rglob("*") if folder.is_dir() else ():
            name = path.name.lower()
            rank = next((place for place, part in enumerate(_WANTED) if part in name), None)
            if rank is not None and path.suffix.lower() in _SUFFIXES:
                found.append((rank, name, path))
    return tuple(path for _, _, path in sorted(found)[:_MAX_FONTS])


@cache
def _has(font: Font, letter: str) -> bool:
    """Whether the font draws something else for ``letter`` than for a letter that no font has."""
    if letter.isascii():
        return True
    drawn, missing = font.getmask(letter), font.getmask(_NO_LETTER)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)

"""Labels in images: in letters where a font has them, otherwise in numbers, never in boxes."""

from __future__ import annotations

from backend.deployments.image_fonts import font_for


def test_plain_text_and_what_looks_like_markup_stay_as_they_are() -> None:
    for text in ("[/s]", "$x$", "\\frac", "dog[0]", ":smile:"):
        assert font_for(text, 14)[1] == text


def test_letters_that_no_font_has_are_distinguished_by_their_numbers() -> None:
    assert font_for("a\U0010fffd", 14)[1] == "a\\U0010fffd"

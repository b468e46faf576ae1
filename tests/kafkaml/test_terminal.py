"""Texts from users reach a terminal unchanged."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from kafkaml.terminal import SafeConsole, styled, visible

TEXTS = [
    "[/s]",
    "[unk]",
    "[link=http://x]a[/link]",
    ":smile:",
    "a\\",
    "\\[b]",
    "[bold]x[/]",
    "[/",
    "dog[0]",
    "{a}",
    "größe 日本",
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_never_markup(text: str) -> None:
    output = io.StringIO()
    console = SafeConsole(file=output, width=80)
    table = Table(text, box=None)
    table.add_row(text)
    console.print(text)
    console.print(styled("[dim]{text}[/]", text=text))
    console.print(table)
    assert [line.strip() for line in output.getvalue().splitlines()] == [text] * 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\x07b\rc\x00", "a\\x07b\\x0dc\\x00"),
        ("\x9b2J", "\\x9b2J"),
        ("\ud800", "\\ud800"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\tb\nc", "a\tb\nc"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(text: str, shown: str) -> None:
    output = io.StringIO()
    SafeConsole(file=output, width=80).print(text)
    assert visible(text) == shown
    assert output.getvalue().strip().expandtabs() == shown.expandtabs()

"""Takes code as copied from notebooks and web pages. Their commands are skipped; Python judges the rest.

Line numbers stay as they are, because errors name them.
"""

from __future__ import annotations

import ast
import re
import textwrap

__all__ = ["as_program"]

_BYTE_ORDER_MARK = "\ufeff"
# Jupyter commands, shell prompts inside a cell, and the fence around code in a chat or a README.
_COMMAND = re.compile(r"^(?P<indent>\s*)(?P<command>(%{1,2}|!{1,2})\w.*|\?{1,2}[\w.]+|[\w.]+\?{1,2}|```\w*)\s*$")
# A ``%time`` command, behind which the rest of the line is Python.
_TIMED = re.compile(r"^(?P<indent>\s*)%time\s+(?P<rest>\S.*)$")
# Commands that begin a cell in another language. They are not skipped, so that Python refuses the cell.
_OTHER_LANGUAGE = re.compile(r"^\s*%%(bash|sh|script|html|javascript|js|latex|markdown|perl|ruby|sql|R|svg)\b")


def as_program(text: str, *, name: str = "code") -> tuple[str, list[str]]:
    """Return ``text`` as Python runs it, line for line, and one sentence for each part left out.

    ``name`` is the name of the field, for the sentences. Text that still is not Python is returned as far as it was
    converted.
    """
    notes: list[str] = []
    text = text.removeprefix(_BYTE_ORDER_MARK).replace(f"\n{_BYTE_ORDER_MARK}", "\n")
    tree = _parsed(text)
    if isinstance(tree, IndentationError) and (dedented := textwrap.dedent(text)) != text:
        # The text was copied from inside an indented block.
        text, tree = dedented, _parsed(dedented)
    lines = text.split("\n")
    while isinstance(tree, SyntaxError) and (taken := _take(lines, (tree.lineno or 0) - 1)):
        notes.append(f"line {tree.lineno} of the {name} is for a notebook and was {taken}")
        tree = _parsed("\n".join(lines))
    text = "\n".join(lines)
    return (_with_main(text, tree) if isinstance(tree, ast.Module) else text), notes


def _parsed(text: str) -> ast.Module | SyntaxError | None:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        # Text with NUL bytes or endless expressions cannot be parsed. Compiling will report this.
        return None


def _take(lines: list[str], index: int) -> str:
    """Replace the command in ``lines[index]``; returns a sentence about it, empty without a command."""
    if not 0 <= index < len(lines):
        return ""
    line = lines[index].rstrip("\r")
    if timed := _TIMED.match(line):
        lines[index] = timed["indent"] + timed["rest"]
        return "run without %time"
    found = _COMMAND.match(line)
    if not found or _OTHER_LANGUAGE.match(line):
        return ""
    while line.endswith("\\") and index + 1 < len(lines):
        lines[index] = f"{found['indent']}pass"
        index += 1
        line = lines[index].rstrip("\r")
    # Insert a statement, in case the command was the only line of an ``if``.
    lines[index] = f"{found['indent']}pass"
    return f"skipped: {found['command'][:60]}"


def _with_main(text: str, tree: ast.Module) -> str:
    """Run the body of ``if __name__ == "__main__":``, although the code is not the main program here."""
    lines = text.split("\n")
    for statement in tree.body:
        if (
            isinstance(statement, ast.If)
            and _asks_for_main(statement.test)
            and statement.test.end_lineno == statement.test.lineno
        ):
            line = lines[statement.lineno - 1].encode()
            first, end = statement.test.col_offset, statement.test.end_col_offset or 0
            lines[statement.lineno - 1] = (line[:first] + b"True" + line[end:]).decode()
    return "\n".join(lines)


def _asks_for_main(test: ast.expr) -> bool:
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    sides = {ast.unparse(side) for side in (test.left, test.comparators[0])}
    return sides == {"__name__", "'__main__'"}

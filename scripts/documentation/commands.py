"""The page of the command line: what ``--help`` says of every command."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import typer

from kafka_ml_cli.main import app

__all__ = ["command_tree", "page"]


@functools.cache
def command_tree() -> Any:
    """Return the group of all commands, as typer makes it of ``kafka-ml``."""
    return typer.main.get_command(app)


def page() -> str:
    """Return the page."""
    root = command_tree()
    return "# Command line\nWhat `kafka-ml COMMAND --help` says, of every command.\n" + "".join(_sections(root))


def _sections(root: Any) -> Iterator[str]:
    context = root.context_class(root, info_name="kafka-ml")
    yield _help(root, context)
    for name, command in root.commands.items():
        inner = command.context_class(command, info_name=name, parent=context)
        yield f"\n## {name}\n{_help(command, inner)}"
        for sub_name, sub in getattr(command, "commands", {}).items():
            yield f"\n### {name} {sub_name}\n{_help(sub, sub.context_class(sub, info_name=sub_name, parent=inner))}"


def _help(command: Any, context: Any) -> str:
    return f"```text\n{command.get_help(context).rstrip()}\n```\n"

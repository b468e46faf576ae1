"""The real output of commands in README.md: recorded by ``scripts/record-output``, checked by tests/docs.

Figures differ from run to run, so they are not compared. Words and their order are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["COLUMNS", "COMMANDS", "as_shown", "put", "shape", "shown"]

# Width of the terminal on which output is recorded.
COLUMNS = 100
_KAFKA_ML = (sys.executable, "-m", "kafka_ml_cli.main")
COMMANDS: Mapping[str, Sequence[str]] = {
    "demo": (sys.executable, "-m", "examples.demo"),
    "status": (*_KAFKA_ML, "status"),
    "doctor": (*_KAFKA_ML, "doctor"),
}
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
# The name of each finding. Verdicts depend on the machine, but the list of things examined does not.
_FINDING = re.compile(r"^(?:ok|warn|fail)\s+(\w+)", re.M)


def as_shown(name: str, output: str, *, state: Path, root: Path) -> str:
    """Return the output of a command of ``COMMANDS`` as the page shows it, without paths of this machine or secrets."""
    text = "\n".join(line.rstrip() for line in output.strip().splitlines())
    if name == "demo":
        text = text[max(text.find("Start the platform"), 0) :]
        # PyTorch's confusion matrix is left out, because one matrix is enough as an example.
        text = re.sub(
            r"(digits-pytorch on the test part of the stream\n).*?\n\n", r"\1  ...\n\n", text, flags=re.DOTALL
        )
    for place, instead in ((state, "~/.local/share/kafka-ml"), (root, "~/kafka-ml"), (Path.home(), "~")):
        text = text.replace(str(place), instead)
    return re.sub(r"/login/\S+", "/login/...", text)


def shape(name: str, text: str) -> list[str]:
    """Return the words of an output, wherever lines break. Each number, and each run of numbers, becomes one ``0``."""
    if name == "doctor":
        return _FINDING.findall(text)
    lines = text.splitlines()
    # Lines about components are sorted, because components become ready in any order.
    ready = sorted(line for line in lines if re.search(r"\bready in\b", line))
    words = " ".join([*ready, *(line for line in lines if line not in ready)]).split()
    numbered = [_NUMBER.sub("0", word) for word in words if re.search(r"\w", word)]
    return [word for place, word in enumerate(numbered) if word != "0" or place == 0 or numbered[place - 1] != "0"]


def shown(page: str, name: str) -> str:
    """Return the output of a command that the page shows; KeyError where the page has no place for it."""
    found = _place(name).search(page)
    if found is None:
        raise KeyError(name)
    return found[2].strip().removeprefix("```").removesuffix("```").strip("\n")


def put(page: str, name: str, output: str) -> str:
    """Return the page with the output of a command replaced."""
    shown(page, name)
    return _place(name).sub(lambda found: f"{found[1]}```\n{output.strip()}\n```\n{found[3]}", page)


def _place(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- output:{name} -->\n)(.*?)(<!-- /output -->)", re.DOTALL)

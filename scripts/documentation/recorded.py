"""What README.md shows of commands as they really print it: recorded by ``scripts/record-output``, held by tests/docs.

Figures differ from run to run and are left out of what is compared; words, their order and what stands where do not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["COLUMNS", "COMMANDS", "as_shown", "put", "shape", "shown"]

# Of the terminal on which it is recorded.
COLUMNS = 100
_KAFKA_ML = (sys.executable, "-m", "kafka_ml_cli.main")
COMMANDS: Mapping[str, Sequence[str]] = {
    "demo": (sys.executable, "-m", "examples.demo"),
    "status": (*_KAFKA_ML, "status"),
    "doctor": (*_KAFKA_ML, "doctor"),
}
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")
# Findings are of the machine; which things are looked at is not.
_FINDING = re.compile(r"^(?:ok|warn|fail)\s+(\w+)", re.M)


def as_shown(name: str, output: str, *, state: Path, root: Path) -> str:
    """Return what a command of ``COMMANDS`` printed, as the page shows it: no places of this machine, no secrets."""
    text = "\n".join(line.rstrip() for line in output.strip().splitlines())
    if name == "demo":
        text = text[max(text.find("Start the platform"), 0) :]
        # One confusion matrix is enough to see what is meant.
        text = re.sub(
            r"(digits-pytorch on the test part of the stream\n).*?\n\n", r"\1  ...\n\n", text, flags=re.DOTALL
        )
    for place, instead in ((state, "~/.local/share/kafka-ml"), (root, "~/kafka-ml"), (Path.home(), "~")):
        text = text.replace(str(place), instead)
    return re.sub(r"/login/\S+", "/login/...", text)


def shape(name: str, text: str) -> list[str]:
    """Return the words of what a command printed, each number and each row of them as ``0``, wherever lines break."""
    if name == "doctor":
        return _FINDING.findall(text)
    lines = text.splitlines()
    # Components are ready in any order.
    ready = sorted(line for line in lines if re.search(r"\bready in\b", line))
    words = " ".join([*ready, *(line for line in lines if line not in ready)]).split()
    numbered = [_NUMBER.sub("0", word) for word in words if re.search(r"\w", word)]
    return [word for place, word in enumerate(numbered) if word != "0" or place == 0 or numbered[place - 1] != "0"]


def shown(page: str, name: str) -> str:
    """Return what the page shows of a command; KeyError where it has no place for it."""
    found = _place(name).search(page)
    if found is None:
        raise KeyError(name)
    return found[2].strip().removeprefix("```").removesuffix("```").strip("\n")


def put(page: str, name: str, output: str) -> str:
    """Return the page with another output of a command."""
    shown(page, name)
    return _place(name).sub(lambda found: f"{found[1]}```\n{output.strip()}\n```\n{found[3]}", page)


def _place(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- output:{name} -->\n)(.*?)(<!-- /output -->)", re.DOTALL)

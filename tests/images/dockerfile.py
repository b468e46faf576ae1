"""Reads a Dockerfile into stages, as far as its tests need it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One ``FROM``: its name, its base, and its instructions as (WORD, rest) with continuations joined."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        """Return the arguments of every instruction ``word``."""
        return [rest for instruction, rest in self.instructions if instruction == word]


def read_stages(path: Path) -> dict[str, Stage]:
    """Return the stages of the Dockerfile by name, in order."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(encoding="utf-8"), flags=re.M)
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for line in re.sub(r"\\\n", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = stages[name] = Stage(name, base)
        elif word and current is not None:
            current.instructions.append((word, rest.strip()))
    return stages


def ancestry(stages: dict[str, Stage], name: str) -> list[Stage]:
    """Return the stage and all stages that it is built on, itself first."""
    found = []
    while name in stages:
        found.append(stages[name])
        name = stages[name].base
    return found

"""ContractError: the problems of a contract, each with its place, so that a form can show it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kafkaml.errors import RefusedError

__all__ = ["ContractError", "Problem"]


@dataclass(frozen=True)
class Problem:
    """``place`` is the path in the contract, such as ``("columns", 2, "expression")``."""

    place: tuple[str | int, ...]
    error: RefusedError


class ContractError(RefusedError):
    """A contract contradicts itself or holds an expression that is refused; ``problems`` are all that were found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        where = ".".join(map(str, first.place))
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{where}: {first.error.message}{more}", hint=first.error.hint)
        self.problems = tuple(problems)

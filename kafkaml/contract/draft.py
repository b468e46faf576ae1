"""Draft: a contract that is being written. Wrong parts are noted and left out, and the rest stays usable. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.errors import ContractError, Problem
from kafkaml.contract.expressions import ExpressionError
from kafkaml.contract.loading import CSV
from kafkaml.errors import RefusedError
from kafkaml.input_format import InputFormat
from kafkaml.wire.contract import Contract, Missing, SplitBy
from kafkaml.wire.preview import ContractProblem

__all__ = ["Draft"]

Place = tuple[str | int, ...]

_LISTS = ("columns", "labels", "fields")
# Placeholder when no column is valid, so that the rest can be read.
_NOTHING = {"name": "nothing", "expression": "NULL"}


class Draft:
    """A contract without its wrong parts, compiled."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._problems: list[ContractProblem] = []
        self._asked_labels = bool(document.get("labels"))
        # The original index of each remaining element, by list.
        self._at = {name: list(range(len(found))) for name in _LISTS if isinstance(found := document.get(name), list)}
        self._contract = self._read(document)

    @property
    def problems(self) -> tuple[ContractProblem, ...]:
        """All problems found so far, in the order of their places in the document as it was given."""
        return tuple(sorted(self._problems, key=lambda problem: _order(problem.place)))

    @property
    def contract(self) -> Contract | None:
        """The remaining contract; None where it cannot be used at all."""
        return self._contract

    def compiled(self, lookup: SchemaLookup | None) -> CompiledContract | None:
        """Return the remaining contract compiled; None where no record can be read with it."""
        while self._contract is not None:
            try:
                return CompiledContract(self._contract, lookup=lookup)
            except ContractError as error:
                self.leave_out(error)
            except RefusedError as error:
                known = self._contract.format in (*InputFormat, CSV)
                self._note(Problem(("format_config" if known else "format",), error))
                self._contract = None
        return None

    def place(self, kind: str, index: int) -> str:
        """Return the original place of a remaining column or label."""
        return f"{kind}.{self._at[kind][index]}"

    def note(self, problems: Iterable[Problem]) -> None:
        """Note a problem in something that can still be used."""
        for problem in problems:
            self._note(problem)

    def leave_out(self, error: ContractError) -> None:
        """Note all problems and drop the parts that have them."""
        for problem in error.problems:
            # A forecast whose wrong labels were dropped lacks one, which is not another problem.
            if problem.place[0] != "window" or not self._asked_labels:
                self._note(problem)
        self._contract = None if self._contract is None else self._without(self._contract, error.problems)

    def _read(self, document: Mapping[str, Any]) -> Contract | None:
        given = dict(document)
        for name in [name for name in given if name not in Contract.model_fields]:
            close = difflib.get_close_matches(name, Contract.model_fields, n=1)
            known = tuple(Contract.model_fields)
            self._add((name,), "there is no such setting", known=known, meant=tuple(close))
            del given[name]
        while True:
            bare = not given.get("columns")
            try:
                contract = Contract.model_validate({**given, "columns": [_NOTHING]} if bare else given)
            except ValidationError as error:
                if not self._drop_invalid(given, error):
                    return None
                continue
            if bare and not any(problem.place.startswith("columns") for problem in self._problems):
                self._add(("columns",), "there is no column: a model needs at least one")
            return contract.model_copy(update={"columns": ()}) if bare else contract

    def _drop_invalid(self, given: dict[str, Any], error: ValidationError) -> bool:
        """Note what cannot be parsed and drop it from ``given``; returns False where nothing can be parsed
        without it.
        """
        dropped: dict[str, set[int]] = {}
        for detail in error.errors(include_url=False, include_input=False):
            loc: Place = detail["loc"]
            # The rest of the place names the kinds that pydantic tried, which do not help the user.
            self._add(loc[: 3 if loc[0] in _LISTS else 2], _message(detail))
            name = str(loc[0])
            if len(loc) > 1 and isinstance(loc[1], int) and name in self._at:
                dropped.setdefault(name, set()).add(loc[1])
            elif name in given and name != "format":
                del given[name]
                self._at.pop(name, None)
            else:
                return False
        for name, places in dropped.items():
            if name in given:
                given[name] = [element for place, element in enumerate(given[name]) if place not in places]
                self._at[name] = [at for place, at in enumerate(self._at[name]) if place not in places]
        return True

    def _without(self, contract: Contract, problems: tuple[Problem, ...]) -> Contract:
        places = [problem.place for problem in problems]
        changes: dict[str, Any] = {}
        columns = contract.columns
        if ("key",) in places:
            columns = tuple(
                column.model_copy(update={"missing": Missing.DROP}) if column.missing == Missing.LAST else column
                for column in columns
            )
            changes |= {"window": None, "split": SplitBy.CONTENT}
        if ("split",) in places:
            changes["split"] = SplitBy.TIME
        if ("window", "horizon") in places and contract.window is not None:
            changes["window"] = contract.window.model_copy(update={"horizon": 0})
        lists: dict[str, tuple[Any, ...]] = {"columns": columns, "labels": contract.labels}
        for name, entries in lists.items():
            wrong = {place[1] for place in places if place[0] == name and len(place) > 1}
            left = [index for index in range(len(entries)) if index not in wrong and (name,) not in places]
            changes[name] = tuple(entries[index] for index in left)
            self._at[name] = [self._at[name][index] for index in left] if entries else []
        return contract.model_copy(update=changes)

    def _note(self, problem: Problem) -> None:
        error, place = problem.error, problem.place
        if len(place) > 1 and isinstance(place[1], int):
            place = (place[0], self._at[str(place[0])][place[1]], *place[2:])
        if isinstance(error, ExpressionError):
            details = {"start": error.start, "end": error.end, "known": error.known, "meant": error.meant}
            self._add(place, error.message, error.hint, **details)
        else:
            self._add(place, error.message, error.hint)

    def _add(self, place: Place, message: str, hint: str = "", **details: Any) -> None:
        path = ".".join(map(str, place))
        problem = ContractProblem(place=path, message=message, hint=hint, **details)
        if problem not in self._problems:
            self._problems.append(problem)


def _order(place: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in place.split(".")]


def _message(error: Any) -> str:
    if error["type"] == "string_too_short":
        return "it is empty"
    return str(error["msg"])

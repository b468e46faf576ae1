"""Draft: a contract while somebody writes it. What is wrong is noted, and left out of what goes on being used. Pure."""

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
# Stands where no column is right, so that the rest can be read.
_NOTHING = {"name": "nothing", "expression": "NULL"}


class Draft:
    """A contract of which what is wrong was left out, and compiled."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._problems: list[ContractProblem] = []
        self._asked_labels = bool(document.get("labels"))
        # Where what is left of each list stood.
        self._at = {name: list(range(len(found))) for name in _LISTS if isinstance(found := document.get(name), list)}
        self._contract = self._read(document)

    @property
    def problems(self) -> tuple[ContractProblem, ...]:
        """All problems that were met so far, in the order of their places in the document as it was given."""
        return tuple(sorted(self._problems, key=lambda each: _order(each.place)))

    @property
    def contract(self) -> Contract | None:
        """What is left; None where it cannot be used at all."""
        return self._contract

    def compiled(self, lookup: SchemaLookup | None) -> CompiledContract | None:
        """Return what is left compiled; None where no record can be read by it."""
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
        """Return the place of a column or label that is left."""
        return f"{kind}.{self._at[kind][index]}"

    def note(self, problems: Iterable[Problem]) -> None:
        """Note what is wrong, though it can be used."""
        for problem in problems:
            self._note(problem)

    def leave_out(self, error: ContractError) -> None:
        """Note all problems, and go on without what has them."""
        for problem in error.problems:
            # Without the labels that were wrong, a forecast lacks one: that is told already.
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
            if bare and not any(each.place.startswith("columns") for each in self._problems):
                self._add(("columns",), "there is no column: a model needs at least one")
            return contract.model_copy(update={"columns": ()}) if bare else contract

    def _drop_invalid(self, given: dict[str, Any], error: ValidationError) -> bool:
        """Note what cannot be read and drop it from ``given``; False where nothing can be read without it."""
        dropped: dict[str, set[int]] = {}
        for each in error.errors(include_url=False, include_input=False):
            loc: Place = each["loc"]
            # Behind these come the names of kinds that were tried.
            self._add(loc[: 3 if loc[0] in _LISTS else 2], _message(each))
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
                given[name] = [each for place, each in enumerate(given[name]) if place not in places]
                self._at[name] = [at for place, at in enumerate(self._at[name]) if place not in places]
        return True

    def _without(self, contract: Contract, problems: tuple[Problem, ...]) -> Contract:
        places = [problem.place for problem in problems]
        changes: dict[str, Any] = {}
        columns = contract.columns
        if ("key",) in places:
            columns = tuple(
                each.model_copy(update={"missing": Missing.DROP}) if each.missing == Missing.LAST else each
                for each in columns
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
            told = {"start": error.start, "end": error.end, "known": error.known, "meant": error.meant}
            self._add(place, error.message, error.hint, **told)
        else:
            self._add(place, error.message, error.hint)

    def _add(self, place: Place, message: str, hint: str = "", **told: Any) -> None:
        path = ".".join(map(str, place))
        problem = ContractProblem(place=path, message=message, hint=hint, **told)
        if problem not in self._problems:
            self._problems.append(problem)


def _order(place: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in place.split(".")]


def _message(error: Any) -> str:
    if error["type"] == "string_too_short":
        return "it is empty"
    return str(error["msg"])

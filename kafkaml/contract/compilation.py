"""Compilation: the columns and labels of a contract compiled, or all its problems together. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from kafkaml.codecs.field_names import Path
from kafkaml.contract.columns import CompiledColumn, compile_columns, compile_labels
from kafkaml.contract.errors import ContractError, Problem
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import Contract, FieldKind, KeyKind, SplitBy

__all__ = ["compiled_parts"]


def compiled_parts(
    contract: Contract, fields: Mapping[Path, FieldKind]
) -> tuple[list[CompiledColumn], list[CompiledColumn]]:
    """Return columns and labels; raises ContractError with all problems."""
    problems = _contradictions(contract)
    columns: list[CompiledColumn] = []
    labels: list[CompiledColumn] = []
    try:
        columns = compile_columns(contract.columns, fields)
    except ContractError as error:
        problems += error.problems
    try:
        labels = compile_labels(contract.labels, fields, spare=contract.window is not None)
    except ContractError as error:
        problems += error.problems
    if problems:
        raise ContractError(problems)
    return columns, labels


def _contradictions(contract: Contract) -> list[Problem]:
    """Return contradictions between columns."""
    window, problems = contract.window, list[Problem]()
    if contract.key == KeyKind.NONE and (contract.stateful or contract.split == SplitBy.KEY):
        problems.append(
            Problem(("key",), RefusedError("records have no keys: windows, last values and splits by key go by them"))
        )
    overlap = window is not None and window.stride < window.length + window.horizon
    if overlap and contract.split == SplitBy.CONTENT:
        problems.append(
            Problem(
                ("split",),
                RefusedError(
                    "windows share records, so a split by content would test on what was trained on",
                    hint="split by time or by key",
                ),
            )
        )
    if window is not None and window.horizon and not contract.labels:
        problems.append(
            Problem(("window", "horizon"), RefusedError("a forecast needs a label, which is what it predicts"))
        )
    return problems

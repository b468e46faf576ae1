"""The problems of a contract, each with its place, so that a form can show it there."""

from __future__ import annotations

from collections.abc import Sequence

from backend.api.asked import problem_with
from backend.api.errors import FieldProblem
from kafkaml.contract.errors import ContractError, Problem
from kafkaml.contract.fit import endless_problems
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import Contract

__all__ = ["contract_problems", "endless_contract_problems"]


def contract_problems(contract: Contract) -> list[FieldProblem]:
    """Return all problems of a contract; fields are named like ``contract.columns.0.expression``."""
    # Import late, because Polars takes 40 MB that a platform without data sets does not need.
    from kafkaml.contract.compiled import CompiledContract

    try:
        CompiledContract(contract)
    except ContractError as error:
        return _field_problems(error.problems)
    except RefusedError as error:
        return [problem_with("contract", error.message, hint=error.hint)]
    return []


def endless_contract_problems(contract: Contract) -> list[FieldProblem]:
    """Return a problem for each part of a contract that a data set without end cannot have."""
    return _field_problems(endless_problems(contract))


def _field_problems(problems: Sequence[Problem]) -> list[FieldProblem]:
    return [
        problem_with(".".join(["contract", *map(str, problem.place)]), problem.error.message, hint=problem.error.hint)
        for problem in problems
    ]

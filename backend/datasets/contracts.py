"""What is wrong with a contract, place by place, so that a form can say it where it is."""

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
    """Return all that is wrong with a contract; fields are ``contract.columns.0.expression`` and the like."""
    # Polars takes 40 MB, which a platform without data sets need not have.
    from kafkaml.contract.compiled import CompiledContract

    try:
        CompiledContract(contract)
    except ContractError as error:
        return _field_problems(error.problems)
    except RefusedError as error:
        return [problem_with("contract", error.message, hint=error.hint)]
    return []


def endless_contract_problems(contract: Contract) -> list[FieldProblem]:
    """Return what a contract says that a data set without end cannot do."""
    return _field_problems(endless_problems(contract))


def _field_problems(problems: Sequence[Problem]) -> list[FieldProblem]:
    return [
        problem_with(".".join(["contract", *map(str, each.place)]), each.error.message, hint=each.error.hint)
        for each in problems
    ]

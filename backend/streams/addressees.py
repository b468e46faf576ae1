"""Whom streams are announced to: deployments, which live on a floor above. They say so when the platform starts.

Each has a ``mode`` (``TrainingMode``), which decides between streams with an end and online ones,
``semi_supervised`` settings, null where it learns labelled data alone, and ``several_inputs``: whether one of its
models takes more than one input, which only the contract of a data set names. ``waits`` says whether a model of it
waits for a stream, ``ended`` whether all have ended. ``announced`` is sent
with each new ``announcement`` in the transaction that registers it; a receiver returns how many runs took the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.dispatch import Signal

from kafkaml.control import ControlMessage
from kafkaml.wire.choices import TrainingMode

__all__ = ["addressees", "announced", "idle_reason", "misfit", "register_addressees", "unfit_reason"]

announced = Signal()
_find: list[Callable[[], QuerySet[Any]]] = []
_misfit: list[Callable[[int, ControlMessage], str]] = []


def register_addressees(find: Callable[[], QuerySet[Any]], misfit: Callable[[int, ControlMessage], str]) -> None:
    """Let ``find`` return the rows whose ids announcements name; the function ``misfit`` calls the given one."""
    _find[:], _misfit[:] = [find], [misfit]


def misfit(number: int, stream: ControlMessage) -> str:
    """Return why the models of a deployment are certain not to take a stream's samples; empty where they may."""
    return _misfit[0](number, stream)


def addressees() -> QuerySet[Any]:
    """Return the rows that a stream can be announced to."""
    return _find[0]()


def unfit_reason(
    number: int | None,
    mode: str,
    *,
    semi_supervised: bool,
    online: bool,
    unlabelled: bool,
    several_inputs: bool = False,
    by_contract: bool = False,
) -> str:
    """Return why a deployment of ``mode`` cannot train on a stream with or without an end; empty where it can.

    ``unlabelled``: the stream has data without labels. One that is not semi-supervised leaves them aside.
    ``several_inputs`` of a model are named by the contract of a data set (``by_contract``) alone. ``number`` is None
    for a deployment that is not made yet.
    """
    deployment = "the deployment" if number is None else f"deployment {number}"
    if several_inputs and not by_contract:
        return (
            f"a model of {deployment} takes several inputs, and the samples of this stream are one array: "
            "make a data set of the topic whose columns name the inputs, and train on that"
        )
    if online is TrainingMode(mode).online:
        if semi_supervised and not unlabelled:
            return (
                f"{deployment} is semi-supervised and learns unlabelled data too, and this stream was announced "
                "without an unlabelled topic"
            )
        return ""
    if online:
        return f"{deployment} trains on a stream that has an end ({mode}), and this one is online, without an end"
    return f"{deployment} learns an online stream, without an end ({mode}), and this one has an end"


def idle_reason(number: int, *, waits: bool, ended: bool) -> str:
    """Return why a stream that is announced to a deployment starts nothing there; empty where it does."""
    if waits:
        return ""
    return f"deployment {number} {'has ended' if ended else 'has its stream already'}, and trains on no other"

"""Which fit and evaluation arguments a framework takes, of which type, and what they mean.

One table for the model processes that use the arguments, the backend that checks them, and pages that offer them.
The syntax of the text that users write is ``kafkaml.arguments``' business.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kafkaml.errors import ArgumentsError
from kafkaml.wire.framework import Framework

__all__ = ["ACCEPTED", "Argument", "Kind", "Purpose", "check_arguments"]


class Purpose(StrEnum):
    """What arguments are for."""

    FIT = "fit"
    EVALUATION = "evaluation"


@dataclass(frozen=True)
class Kind:
    """A type of argument: ``expected`` completes "expected ..." for people."""

    expected: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True)
class Argument:
    """One argument; ``default`` as it is written, ``alias_of`` the name that means the same."""

    kind: Kind
    meaning: str
    default: str
    alias_of: str = ""


def _is_integer(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_class(value: object) -> bool:
    # JSON turns the keys of {0: 1.0} into texts.
    return _is_integer(value, 0) or (isinstance(value, str) and value.isdecimal())


_POSITIVE = Kind("a whole number of at least 1", lambda value: _is_integer(value, 1))
_OPTIONAL_POSITIVE = Kind("a whole number of at least 1, or None", lambda value: value is None or _is_integer(value, 1))
_NATURAL = Kind("a whole number of at least 0", lambda value: _is_integer(value, 0))
_BOOLEAN = Kind("True or False", lambda value: isinstance(value, bool))
_SHUFFLE = Kind("True, False or 'batch'", lambda value: isinstance(value, bool) or value == "batch")
_VERBOSE = Kind("0, 1, 2 or 'auto'", lambda value: value in ("auto", 0, 1, 2))
_FRACTION = Kind("a number from 0 to below 1", lambda value: _is_number(value) and 0 <= value < 1)
_FREQUENCY = Kind(
    "a whole number of at least 1, or a list of epochs",
    lambda value: _is_integer(value, 1) or (isinstance(value, list) and all(_is_integer(each, 1) for each in value)),
)
_CLASS_WEIGHT = Kind(
    "a weight for each class number, such as {0: 1.0, 1: 2.5}, or None",
    lambda value: (
        value is None
        or (
            isinstance(value, dict)
            and all(_is_class(key) and _is_number(weight) and weight >= 0 for key, weight in value.items())
        )
    ),
)

_EPOCHS = "number of passes over the training data"
_STEPS_PER_EPOCH = "batches in an epoch; None: all samples"
_SHUFFLED = "mix the samples anew in each epoch"
_DROP_LAST = (
    "leave out a last batch that is not full; False: it is shorter, and one sample alone joins the batch before"
)
_TO_TENSOR = (
    "images of bytes are given as torchvision's ToTensor does: divided by 255, channel axis first; False: as sent"
)
_STEPS = "batches to test on; None: all samples"
_NO_TERMINAL = "accepted and ignored: there is no terminal"

ACCEPTED: Mapping[Framework, Mapping[Purpose, Mapping[str, Argument]]] = {
    Framework.TENSORFLOW: {
        Purpose.FIT: {
            "epochs": Argument(_POSITIVE, _EPOCHS, "1"),
            "steps_per_epoch": Argument(_OPTIONAL_POSITIVE, _STEPS_PER_EPOCH, "None"),
            "shuffle": Argument(_SHUFFLE, _SHUFFLED, "True"),
            "drop_last": Argument(_BOOLEAN, _DROP_LAST, "False"),
            "class_weight": Argument(_CLASS_WEIGHT, "how much samples of each class count in the loss", "None"),
            "initial_epoch": Argument(_NATURAL, "epochs that count as done before training starts", "0"),
            "validation_split": Argument(
                _FRACTION, "share of the training samples that validates, where the stream sets none aside", "0.0"
            ),
            "validation_freq": Argument(_FREQUENCY, "validate after every so many epochs, or after those listed", "1"),
            "validation_steps": Argument(_OPTIONAL_POSITIVE, "batches to validate on; None: all samples", "None"),
            "validation_batch_size": Argument(
                _OPTIONAL_POSITIVE, "samples in a batch of validation; None: as in training", "None"
            ),
            "verbose": Argument(_VERBOSE, _NO_TERMINAL, "'auto'"),
        },
        Purpose.EVALUATION: {
            "steps": Argument(_OPTIONAL_POSITIVE, _STEPS, "None"),
            "verbose": Argument(_VERBOSE, _NO_TERMINAL, "'auto'"),
            "return_dict": Argument(_BOOLEAN, "taken and without effect: metrics always have names", "False"),
        },
    },
    Framework.PYTORCH: {
        Purpose.FIT: {
            "max_epochs": Argument(_POSITIVE, _EPOCHS, "1"),
            "epoch_length": Argument(_OPTIONAL_POSITIVE, _STEPS_PER_EPOCH, "None"),
            "shuffle": Argument(_SHUFFLE, _SHUFFLED, "True"),
            "drop_last": Argument(_BOOLEAN, _DROP_LAST, "False"),
            "to_tensor": Argument(_BOOLEAN, _TO_TENSOR, "True"),
            "epochs": Argument(_POSITIVE, "another name of max_epochs", "1", alias_of="max_epochs"),
            "steps_per_epoch": Argument(
                _OPTIONAL_POSITIVE, "another name of epoch_length", "None", alias_of="epoch_length"
            ),
            "verbose": Argument(_VERBOSE, _NO_TERMINAL, "'auto'"),
        },
        Purpose.EVALUATION: {
            "epoch_length": Argument(_OPTIONAL_POSITIVE, _STEPS, "None"),
            "steps": Argument(_OPTIONAL_POSITIVE, "another name of epoch_length", "None"),
            # Without effect on metrics, but found in deployments of DataLoader's days.
            "shuffle": Argument(_SHUFFLE, "taken and without effect on metrics", "False"),
            "verbose": Argument(_VERBOSE, _NO_TERMINAL, "'auto'"),
        },
    },
}

# Names that the framework knows, and why they cannot be given here.
_ELSEWHERE: Mapping[Framework, Mapping[str, str]] = {
    Framework.TENSORFLOW: {
        "x": "the features come from the stream",
        "y": "the labels come from the stream",
        "batch_size": "it has a field of its own",
        "validation_data": "it comes from the stream, by validation_rate",
        "callbacks": "only literals can be given",
        "sample_weight": "only literals can be given; class_weight weights classes",
    },
    Framework.PYTORCH: {
        "batch_size": "it has a field of its own",
        "data": "it comes from the stream",
        "lr": "the model's optimizer() decides it",
        "seed": "it is a setting of the deployment",
    },
}
_TITLES = {Framework.TENSORFLOW: "Keras", Framework.PYTORCH: "PyTorch"}


def check_arguments(
    framework: Framework, purpose: Purpose, arguments: Mapping[str, Any], *, known: Container[str] | None = None
) -> None:
    """Raise ArgumentsError for the first name that is not accepted or whose value is not of its kind.

    ``known`` are the parameters of the framework's own method: what the installed version does not have is not
    accepted, whatever the table says.
    """
    accepted = {name: each for name, each in ACCEPTED[framework][purpose].items() if known is None or name in known}
    elsewhere = {name: why for name, why in _ELSEWHERE[framework].items() if known is None or name in known}
    method = f"{purpose} of {_TITLES[framework]}"
    for name, value in arguments.items():
        if name in elsewhere:
            raise ArgumentsError(f"{method}: {name} cannot be given here: {elsewhere[name]}", argument=name)
        if name not in accepted:
            close = difflib.get_close_matches(name, accepted, n=1)
            raise ArgumentsError(
                f"{method} has no argument {name!r}: accepted are {', '.join(accepted)}",
                argument=name,
                hint=f"did you mean {close[0]}?" if close else "",
            )
        if not accepted[name].kind.accepts(value):
            raise ArgumentsError(
                f"{method}: {name} is {value!r}: expected {accepted[name].kind.expected}", argument=name
            )
        if accepted[name].alias_of in arguments:
            raise ArgumentsError(
                f"{method}: {name} is another name of {accepted[name].alias_of}: give one", argument=name
            )

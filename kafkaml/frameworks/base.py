"""FrameworkDescriptor: everything the platform needs to know about a machine learning framework, without importing it.

Model processes use a framework's arguments and files. The backend checks the arguments, the engine chooses among the
files, and pages and commands offer both. ``kafkaml.arguments`` handles the syntax of the arguments' text.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from kafkaml.errors import ArgumentsError
from kafkaml.frameworks.files import FileUse
from kafkaml.metric_direction import known_direction
from kafkaml.wire.framework import Framework

__all__ = [
    "BEST_EPOCH",
    "BOOLEAN",
    "DROP_LAST",
    "EPOCHS",
    "NATURAL",
    "NO_TERMINAL",
    "OPTIONAL_POSITIVE",
    "POSITIVE",
    "SHUFFLE",
    "SHUFFLED",
    "STEPS",
    "STEPS_PER_EPOCH",
    "VERBOSE",
    "Argument",
    "Arguments",
    "ChainNames",
    "FrameworkDescriptor",
    "Kind",
    "Purpose",
    "is_integer",
    "is_number",
]


class Purpose(StrEnum):
    """What arguments are for."""

    FIT = "fit"
    EVALUATION = "evaluation"


@dataclass(frozen=True)
class Kind:
    """A type of argument: ``expected`` completes "expected ..." in messages."""

    expected: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True)
class Argument:
    """One argument; ``default`` as it is written, ``alias_of`` the name that means the same.

    ``known_as`` is the argument's name in other frameworks, by which runs are compared; empty where it is the same.
    ``in_windows`` says that the argument also affects training on the windows of an online stream.
    """

    kind: Kind
    meaning: str
    default: str
    alias_of: str = ""
    known_as: str = ""
    in_windows: bool = False


@dataclass(frozen=True)
class Arguments:
    """The arguments for one purpose, the usual ones first.

    ``about`` says in a sentence whose arguments they are, ``example`` is a text of some, and ``first`` the text that a
    form begins with.
    """

    accepted: Mapping[str, Argument]
    about: str
    example: str
    first: str = ""

    def own_names(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``values`` under the framework's own names, without those that have no effect."""
        return {self.accepted[name].alias_of or name: value for name, value in values.items() if name != "verbose"}

    def in_common_names(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accepted arguments, under the names common to all frameworks."""
        own = {name: self.accepted[name].alias_of or name for name in values if name in self.accepted}
        return {self.accepted[value].known_as or value: values[name] for name, value in own.items()}

    def without_effect_in_windows(self, values: Mapping[str, Any]) -> list[str]:
        """Return the names, common to all frameworks, of those without effect on windows of an online stream."""
        effective = {argument.known_as or name for name, argument in self.accepted.items() if argument.in_windows}
        return sorted(set(self.in_common_names(values)) - effective)


@dataclass(frozen=True, kw_only=True)
class ChainNames:
    """The choices for compiling a chain of sub-models, by Keras' names."""

    optimizers: Sequence[str]
    losses: Sequence[str]
    metrics: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class FrameworkDescriptor:
    """One framework.

    ``library`` is the name under which users know its training (Keras for TensorFlow). ``module`` is imported to use
    it. Kafka-ML's ``extra`` installs it on a machine without a GPU. ``artifacts`` are names of files that it serves
    from, the best first. ``packages`` are the Python packages that user code can import, by the names that pip knows,
    the framework's own first. ``files`` are the files that a training leaves, by name, with their use. ``handler`` is
    the module of ``mlcode_executor.frameworks`` that runs its models. Its processes have the variables of
    ``environment``, in which ``{scratch}`` stands for the only folder that they may write to. ``chain`` holds the
    choices for its distributed models, None where it has none. ``converts`` says that a trained model can be converted
    to ONNX, ``exact_inputs`` that the report of a model gives the exact names and shapes of its inputs. ``elsewhere``
    maps arguments of the library that cannot be given to the reason.
    """

    name: Framework
    title: str
    library: str
    module: str
    extra: str
    arguments: Mapping[Purpose, Arguments]
    artifacts: Sequence[str]
    packages: Sequence[str]
    files: Mapping[str, FileUse]
    handler: str
    environment: Mapping[str, str] = field(default_factory=dict)
    chain: ChainNames | None = None
    converts: bool = True
    exact_inputs: bool = False
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def executor(self) -> str:
        """The name of the framework's executor among the components of a platform."""
        return f"executor-{self.name}"

    @property
    def executor_setting(self) -> str:
        """The environment variable with the address of the framework's executor."""
        return f"KML_EXECUTOR_{self.name.upper()}_URL"

    def check(self, purpose: Purpose, arguments: Mapping[str, Any]) -> None:
        """Raise ArgumentsError for the first name that is not accepted or whose value is not of its kind."""
        accepted = self.arguments[purpose].accepted
        method = f"{purpose} of {self.library}"
        for name, value in arguments.items():
            if name in self.elsewhere:
                raise ArgumentsError(f"{method}: {name} cannot be given here: {self.elsewhere[name]}", argument=name)
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
        monitor = arguments.get("monitor")
        if monitor and arguments.get("mode", "auto") == "auto" and known_direction(monitor) is None:
            raise ArgumentsError(
                f"{method}: whether {monitor} gets better as it rises is not known: expected mode='max' or mode='min'",
                argument="mode",
            )


def is_integer(value: object, least: int) -> bool:
    """Whether ``value`` is an integer of at least ``least``; True and False do not count."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: object) -> bool:
    """Whether ``value`` is a number; True and False do not count."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


POSITIVE = Kind("a whole number of at least 1", lambda value: is_integer(value, 1))
OPTIONAL_POSITIVE = Kind("a whole number of at least 1, or None", lambda value: value is None or is_integer(value, 1))
NATURAL = Kind("a whole number of at least 0", lambda value: is_integer(value, 0))
BOOLEAN = Kind("True or False", lambda value: isinstance(value, bool))
SHUFFLE = Kind("True, False or 'batch'", lambda value: isinstance(value, bool) or value == "batch")
VERBOSE = Kind("0, 1, 2 or 'auto'", lambda value: value in ("auto", 0, 1, 2))
_METRIC_NAME = Kind(
    "the name of a metric, such as 'val_loss', or None",
    lambda value: value is None or (isinstance(value, str) and value != ""),
)
_DIRECTION = Kind("'auto', 'min' or 'max'", lambda value: value in ("auto", "min", "max"))
_DELTA = Kind("a number of at least 0", lambda value: is_number(value) and 0 <= value < math.inf)
_OPTIONAL_BOOLEAN = Kind("True, False or None", lambda value: value is None or isinstance(value, bool))

# Arguments about the best epoch, with the names of Keras' EarlyStopping in all frameworks.
BEST_EPOCH: Mapping[str, Argument] = {
    "early_stopping": Argument(
        OPTIONAL_POSITIVE, "epochs without a better one after which training stops (patience); None: never", "None"
    ),
    "patience": Argument(OPTIONAL_POSITIVE, "another name of early_stopping", "None", alias_of="early_stopping"),
    "monitor": Argument(
        _METRIC_NAME,
        "metric that tells which epoch is best, val_ before it on validation samples; None: val_loss, otherwise loss",
        "None",
    ),
    "mode": Argument(
        _DIRECTION, "whether the least (min) or the greatest (max) is best", "'auto'", known_as="monitor_mode"
    ),
    "min_delta": Argument(_DELTA, "by how much an epoch must be better to count as better", "0"),
    "restore_best_weights": Argument(
        _OPTIONAL_BOOLEAN, "the result has the best epoch's weights, not the last's; None: with early_stopping", "None"
    ),
}

# Descriptions of arguments that several frameworks have.
EPOCHS = "number of passes over the training data"
STEPS_PER_EPOCH = "batches in an epoch; None: all samples"
SHUFFLED = "shuffle the samples in each epoch"
DROP_LAST = "leave out a last batch that is not full; False: it is shorter, and one sample alone joins the batch before"
STEPS = "batches to test on; None: all samples"
NO_TERMINAL = "accepted and ignored: there is no terminal"

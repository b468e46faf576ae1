"""State: a model and its training at one moment, as one file from which a fresh process continues identically.

NumPy's npz: arrays, and a JSON document that says what they are. Nothing is pickled, because the file may come from
anyone. Called by the handlers, inside the model process.
"""

from __future__ import annotations

import json
import os
import random
import zipfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kafkaml.disk import disk_errors
from kafkaml.errors import RefusedError, UserCodeError
from kafkaml.named_inputs import joined, separated
from mlcode_executor.frameworks.base import open_to_read

__all__ = ["State", "Unsavable", "generator_state", "refuse_other_model", "set_generator_state"]

_Array = npt.NDArray[Any]
# A function that returns the bytes and metadata of a framework's tensor; None for other values.
ToArray = Callable[[Any], tuple[_Array, Mapping[str, Any]] | None]
FromArray = Callable[[_Array, Mapping[str, Any]], Any]

_FORMAT = 1
_ABOUT = "about"
_MAX_DIFFERENCES = 5


class Unsavable(UserCodeError):
    """A value that no file of states can hold."""


class State:
    """Values by name: numbers, texts, arrays, tensors, and lists, tuples and dictionaries of them."""

    def __init__(
        self, framework: str, *, to_array: ToArray = lambda _value: None, from_array: FromArray = lambda array, _: array
    ) -> None:
        self._framework = framework
        self._to_array = to_array
        self._from_array = from_array
        self._values: dict[str, Any] = {}
        self._arrays: dict[str, _Array] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep ``value``; Unsavable, naming the place in it, where it holds what no file can."""
        self._values[name] = self._pack(value, name)

    def __getitem__(self, name: str) -> Any:
        """Return the value ``name``; raises RefusedError when the file lacks it or is malformed."""
        try:
            return self._unpack(self._values[name])
        except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise _torn(f"{name}: {type(error).__name__}: {error}") from error

    def write(self, descriptor: int) -> None:
        """Write all values into a descriptor that the runner opened, which stays open."""
        about = {"format": _FORMAT, "framework": self._framework, "values": self._values}
        document = np.frombuffer(json.dumps(about).encode(), np.uint8)
        with disk_errors("the state folder"), os.fdopen(os.dup(descriptor), "wb") as file:
            np.savez(file, **{_ABOUT: document}, **self._arrays)  # type: ignore[arg-type]

    def read(self, descriptor: int) -> Self:
        """Take over the values of a file. Raises RefusedError unless it is complete and of this framework."""
        try:
            with open_to_read(descriptor) as file, np.load(file, allow_pickle=False) as arrays:
                self._arrays = {name: arrays[name] for name in arrays.files}
            about = json.loads(self._arrays.pop(_ABOUT).tobytes())
            found, self._values = (about["format"], about["framework"]), dict(about["values"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise _torn(f"{type(error).__name__}: {error}") from error
        if found != (_FORMAT, self._framework):
            raise RefusedError(
                f"the state is of {found[1]}, format {found[0]}: expected {self._framework}, format {_FORMAT}",
                hint="start the training again, without its checkpoint",
            )
        return self

    def _pack(self, value: Any, name: str) -> Any:
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self._pack(element, f"{name}[{index}]") for index, element in enumerate(value)]
        if isinstance(value, tuple):
            return {"tuple": self._pack(list(value), name)}
        if isinstance(value, Mapping):
            return {
                "dict": [
                    [self._pack(key, name), self._pack(element, f"{name}.{key}")] for key, element in value.items()
                ]
            }
        if isinstance(value, np.ndarray) and value.dtype.names:
            return {"inputs": self._pack(separated(value), name)}
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufc":
            return self._keep(np.asarray(value), "number" if isinstance(value, np.generic) else "array", {})
        if (tensor := self._to_array(value)) is not None:
            return self._keep(tensor[0], "tensor", tensor[1])
        raise Unsavable(
            f"{name} is of the type {type(value).__name__}: a checkpoint cannot hold it",
            kind="invalid",
            hint="keep numbers, tensors, and lists and dictionaries of them",
        )

    def _keep(self, array: _Array, kind: str, about: Mapping[str, Any]) -> dict[str, Any]:
        key = str(len(self._arrays))
        self._arrays[key] = array
        return {kind: key, **about}

    def _unpack(self, packed: Any) -> Any:
        if isinstance(packed, list):
            return [self._unpack(element) for element in packed]
        if not isinstance(packed, dict):
            return packed
        if "tuple" in packed:
            return tuple(self._unpack(packed["tuple"]))
        if "inputs" in packed:
            return joined(self._unpack(packed["inputs"]))
        if "dict" in packed:
            return {self._unpack(key): self._unpack(element) for key, element in packed["dict"]}
        if "tensor" in packed:
            return self._from_array(self._arrays[packed["tensor"]], packed)
        return self._arrays[packed["number"]][()] if "number" in packed else self._arrays[packed["array"]]


def generator_state(value: Any) -> Any | None:
    """Return the state of a generator of random numbers, Python's or NumPy's; None for anything else."""
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.get_state(legacy=False) if isinstance(value, np.random.RandomState) else None


def set_generator_state(value: Any, state: Any) -> None:
    """Restore the state that ``generator_state`` returned."""
    if isinstance(value, random.Random):
        value.setstate(state)
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = state
    else:
        value.set_state(state)


def refuse_other_model(saved: Iterable[tuple[str, object]], own: Iterable[tuple[str, object]]) -> None:
    """Raise RefusedError unless both have the same names and shapes in the same order."""
    there, here = list(saved), list(own)
    if there == here:
        return
    of_saved, of_own = dict(there), dict(here)
    differences = [
        f"{name} is {of_saved.get(name, 'missing')} in the checkpoint and {of_own.get(name, 'missing')} in the model"
        for name in {**of_saved, **of_own}
        if of_saved.get(name) != of_own.get(name)
    ] or ["the same names are in another order"]
    more = f" and {len(differences) - _MAX_DIFFERENCES} more" if len(differences) > _MAX_DIFFERENCES else ""
    raise RefusedError(
        f"the state is of another model: {'; '.join(differences[:_MAX_DIFFERENCES])}{more}",
        hint="the code makes another model than that of the checkpoint: train again without it",
    )


def _torn(reason: str) -> RefusedError:
    return RefusedError(
        f"the model's state cannot be read, its file is torn or damaged ({reason[:200]})",
        hint="start the training from the beginning, without its checkpoint",
    )

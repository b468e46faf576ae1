"""FieldNames: which keys the objects of a stream have, and in which order they are features. Pure.

Objects are taken by name: a missing or unknown field is an error that names it. Otherwise a number in the wrong place
would be answered as if it were right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kafkaml.errors import DecodeError

__all__ = ["FieldNames", "Path", "path_text"]

# The keys from the outermost object inwards.
Path = tuple[str, ...]

# Objects nested deeper are not samples. The limit also protects the stack.
_MAX_DEPTH = 16
_MAX_NAMES = 100_000
_MAX_SHOWN = 6


class FieldNames:
    """The paths of all values of an object, in the order of features; none at all when samples are not objects."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._flat = [path[0] for path in self.paths] if all(len(path) == 1 for path in self.paths) else None
        self._set = frozenset(self.paths)

    @classmethod
    def usual(cls, samples: Sequence[object]) -> FieldNames | None:
        """Return the names that most of the objects have, sorted key by key. In a tie the first in sorted order wins.

        None where there is no object.
        """
        votes = Counter(names for sample in samples if isinstance(sample, dict) and (names := _names(sample)))
        if not votes:
            return None
        most = max(votes.values())
        return cls(min(names for names, count in votes.items() if count == most))

    @classmethod
    def from_json(cls, document: object) -> FieldNames:
        """Read the names of an ``input_config``: texts, or lists of texts for nested objects; raises DecodeError."""
        entries = document if isinstance(document, list) else None
        paths = [[entry] if isinstance(entry, str) else entry for entry in entries or ()]
        good = [path for path in paths if isinstance(path, list) and path and all(isinstance(key, str) for key in path)]
        names = cls([tuple(path) for path in good])
        if entries is None or not len(names) == len(entries) == len(names._set) <= _MAX_NAMES:
            raise DecodeError(
                f"fields is {str(document)[:80]!r}: expected a list of the keys of objects, each once",
                hint='for example ["humidity", "temperature"]; a key of a nested object is a list: ["position", "x"]',
            )
        return names

    def to_json(self) -> list[str | list[str]]:
        """Return the JSON that ``from_json`` reads."""
        return [path[0] if len(path) == 1 else list(path) for path in self.paths]

    def __len__(self) -> int:
        return len(self.paths)

    def row(self, sample: Mapping[str, Any]) -> list[Any]:
        """Return the values of an object in the order of the names; raises DecodeError naming what differs."""
        row = self.quick_row(sample)
        if row is not None:
            return row
        found = dict(_leaves(sample))
        if len(found) == len(self.paths) and found.keys() == self._set:
            return [found[path] for path in self.paths]
        raise self._mismatch(found.keys())

    def quick_row(self, sample: Mapping[str, Any]) -> list[Any] | None:
        """Return the same as ``row`` for a flat object with exactly these keys; None for all others."""
        if self._flat is None or len(sample) != len(self._flat):
            return None
        try:
            return [sample[key] for key in self._flat]
        except KeyError:
            return None

    def text(self, place: int) -> str:
        """Return the name of feature ``place`` for messages."""
        return path_text(self.paths[place])

    def listed(self) -> str:
        """Return the names for messages, cut to a readable number."""
        return _listed(self.paths)

    def _mismatch(self, found: Any) -> DecodeError:
        missing = [path for path in self.paths if path not in found]
        unknown = sorted(path for path in found if path not in self._set)
        parts = [f"lacks {_listed(missing)}"] if missing else []
        parts += [f"has the unknown {_listed(unknown)}"] if unknown else []
        return DecodeError(
            f"the object {' and '.join(parts)}: expected the keys {self.listed()}",
            hint="objects are taken by their keys: send the same ones as the data that trained the model",
        )


def path_text(path: Path) -> str:
    """Return a path as text: ``position.x``."""
    return ".".join(key if len(key) <= 60 else f"{key[:57]}..." for key in path)


def _listed(paths: Sequence[Path]) -> str:
    names = [path_text(path) for path in paths[:_MAX_SHOWN]]
    return ", ".join(names) + (f" and {len(paths) - _MAX_SHOWN} more" if len(paths) > _MAX_SHOWN else "")


def _names(sample: Mapping[str, Any]) -> tuple[Path, ...]:
    try:
        names = tuple(sorted(path for path, _ in _leaves(sample)))
        return names if len(names) <= _MAX_NAMES else ()
    except DecodeError:
        return ()


def _leaves(sample: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
    if len(above) >= _MAX_DEPTH:
        raise DecodeError(f"the object is nested deeper than {_MAX_DEPTH} levels, at {path_text(above[:3])}...")
    for key, value in sample.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value

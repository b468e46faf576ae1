"""Stand-ins for packages that draw or belong to a notebook, because there is no screen where models run.

Only an import of the user's own code gets one, and only where the package is not installed. Its calls have no effect.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Collection, Iterator, Sequence
from typing import Any

__all__ = ["Nothing", "stand_in_for_drawing"]

_PACKAGES = ("matplotlib", "pylab", "seaborn", "IPython", "google.colab")
# Names of functions that fetch data, which a stand-in must not pretend to have.
_NOT_DRAWING = frozenset({"load_dataset", "get_dataset_names"})


class Nothing:
    """Takes every call and attribute, and does nothing."""

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_arguments: object, **_options: object) -> Nothing:
        return self

    def __getitem__(self, _key: object) -> Nothing:
        return self

    def __setitem__(self, _key: object, _value: object) -> None: ...

    def __contains__(self, _key: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Nothing]:
        # Code may unpack the answer of a call, as in ``figure, axes = plt.subplots()``.
        return iter((self, self))

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_error: object) -> None: ...


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__") or name in _NOT_DRAWING:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} here: it is not installed")
        return Nothing()


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An import finder that comes last, after all others have failed to find the package."""

    def __init__(self, files: Collection[str]) -> None:
        self._files = files

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: Any = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        if not any(fullname == package or fullname.startswith(f"{package}.") for package in _PACKAGES):
            return None
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith("<frozen importlib"):
            frame = frame.f_back
        if frame.f_code.co_filename not in self._files:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        if spec.name in _PACKAGES:
            sys.stdout.write(
                f"[Kafka-ML] {spec.name} is not installed where models run: what it would show is left out\n"
            )
        return _Module(spec.name)

    def exec_module(self, module: types.ModuleType) -> None: ...


def stand_in_for_drawing(files: Collection[str]) -> None:
    """Give code from these files a stand-in for packages that draw, from now on."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder(files))

"""Where the programs of the examples are, and which there are."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import orjson

from kafkaml.errors import RefusedError
from kafkaml.wire.example import OfferedExample

__all__ = ["catalogue", "offered"]

_ROOT = Path(__file__).resolve().parents[1]
# The examples lie next to this package in a clone, and inside the package of the command line when installed.
_PLACES = (_ROOT, _ROOT / "kafka_ml_cli" / "packaged")


def catalogue() -> ModuleType:
    """Return ``examples.catalogue`` of the clone or of the installed package; RefusedError where there is neither."""
    for root in _PLACES:
        if (root / "examples" / "catalogue.py").is_file():
            # The folder comes first in the path, because other packages may have the common name ``examples``.
            if str(root) not in sys.path[:1]:
                sys.path.insert(0, str(root))
            return importlib.import_module("examples.catalogue")
    raise RefusedError(
        "the examples are not installed here",
        hint="they are in the repository, folder examples/, and in the package that `pip install kafka-ml` brings",
    )


def offered() -> str:
    """Return the examples that can be run here, as JSON of ``OfferedExample``; none where they are not installed."""
    try:
        found = catalogue().EXAMPLES
    except RefusedError:
        found = ()
    fields = OfferedExample.model_fields
    return orjson.dumps([{field: getattr(example, field) for field in fields} for example in found]).decode()

"""Uses a framework as the platform does, while an image is built or ``.venv`` is filled: ``exercise.py FRAMEWORK``.

Without an argument it names the installed frameworks. ``exercise_FRAMEWORK.py`` lists the imports. It trains a model,
stores it, reads it back, converts it to ONNX and runs it there. This proves that nothing needed was left out. It also
makes Python compile the imported modules once, because model processes cannot write and would compile them at each
start. This program does not use our own code, whose changes would otherwise build this layer again.
"""

from __future__ import annotations

import importlib
import importlib.util
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

# Packages that the services around the frameworks import.
SERVICES = [
    *("confluent_kafka", "confluent_kafka.admin", "fastavro", "httpx", "orjson", "psutil", "pydantic_settings"),
    *("rich.console", "stamina", "starlette.applications", "structlog"),
    *("uvicorn", "uvicorn.lifespan.off", "uvicorn.protocols.http.h11_impl"),
    *("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk.trace.export"),
    "opentelemetry.trace.propagation.tracecontext",
    *("sklearn.metrics", "PIL.Image"),
]

_FEATURES = np.linspace(0, 1, 64 * 12 * 12, dtype=np.float32).reshape(64, 12, 12, 1)
_LABELS = np.arange(64) % 4


def _same(path: Path, features: Any, expected: Any) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: features})
    np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-4)


def _exercises() -> dict[str, Path]:
    return {path.stem.removeprefix("exercise_"): path for path in sorted(Path(__file__).parent.glob("exercise_*.py"))}


def installed() -> list[str]:
    """Return the frameworks that are installed here."""
    return [
        name
        for name, path in _exercises().items()
        if importlib.util.find_spec(runpy.run_path(str(path))["MODULES"][0]) is not None
    ]


def main(framework: str) -> None:
    """Import everything that is listed, then use it."""
    own = runpy.run_path(str(_exercises()[framework]))
    for name in [*SERVICES, *own["MODULES"]]:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        own["exercise"](Path(folder), _FEATURES, _LABELS, _same)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        print(*installed())

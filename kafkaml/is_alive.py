"""``python -m kafkaml.is_alive FILE``: whether a service without a port has recently given a sign of life
(``SignOfLife``).

The probe of a container: ends with status 0, or with 1 and a line that says what was found. Imports next to nothing,
because it runs often.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["problem"]

# Signs come every five seconds, but a service may be held up several times that long by Kafka or the backend.
_LONGEST_SECONDS = 60.0


def problem(path: Path, *, now: float) -> str:
    """Return why the service that writes to ``path`` seems dead; ``""`` when it is alive."""
    try:
        at = float(json.loads(path.read_bytes())["at"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"no sign of life can be read from {path}: {error!r}"
    if now - at > _LONGEST_SECONDS:
        return f"the last sign of life in {path} is {now - at:.0f} s old: expected {_LONGEST_SECONDS:g} at most"
    return ""


def main(arguments: Sequence[str]) -> int:
    """Check once; returns the exit status."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m kafkaml.is_alive FILE\n")
        return 2
    found = problem(Path(arguments[0]), now=time.time())
    if found:
        sys.stderr.write(f"{found}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

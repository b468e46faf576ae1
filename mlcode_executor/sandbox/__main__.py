"""``python -m mlcode_executor.sandbox FOLDER``: which isolation works here, and what its probes found, as JSON.

For ``kafka-ml doctor``: a level can only be tried in a process that has no thread yet. FOLDER is empty.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from mlcode_executor.sandbox.levels import Sandbox


def main() -> None:
    """Try, and print."""
    sandbox = Sandbox.prepare(os.environ.get("KML_ISOLATION") or "auto", Path(sys.argv[1]))
    sandbox.self_test()
    sys.stdout.write(json.dumps(dict(sandbox.describe())))


if __name__ == "__main__":
    main()

"""Command line of the backend: ``python -m backend.manage migrate``, ``controller``, ``login_link``, ..."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the management command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")
    # When this file is started by its path, Python searches its folder first. Packages here would then hide others of
    # the same name.
    here = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    if str(Path(here).parent) not in sys.path:
        sys.path.insert(0, str(Path(here).parent))

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

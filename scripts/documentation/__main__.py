"""Writes the sources of the site into the named folder."""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.documentation.pages import lay_down

lay_down(Path(sys.argv[1]))

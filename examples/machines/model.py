"""The two models of the example, as they are pasted into the form.

A sample is a window, (10 readings, 7 columns), the newest reading last: three numbers, and the status as one of four.
"""

from __future__ import annotations

from pathlib import Path

KERAS, PYTORCH = (
    Path(__file__).with_name(f"model_{framework}.py").read_text(encoding="utf-8")
    for framework in ("tensorflow", "pytorch")
)

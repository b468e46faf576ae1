"""Finds processes of a platform that nothing waits for: workers, and components of a killed supervisor.

A process is recognised by its environment, which the supervisor marks and which survives its parents; never by its
name. Those that erase their environment (model processes) end with the ones that carry the mark.
"""

from __future__ import annotations

import os
from pathlib import Path

import psutil

__all__ = ["MARK", "platform_processes"]

# The supervisor sets this variable in every component. A user's shell never has it, unlike KML_STATE_DIR.
MARK = "KML_PLATFORM"


def platform_processes(root: Path) -> list[psutil.Process]:
    """Return the processes of the platform whose state folder is ``root``, this process and its parents excepted."""
    me = psutil.Process()
    mine = {me.pid, *(parent.pid for parent in me.parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in mine:
            continue
        try:
            if process.uids().real != os.getuid():
                continue
            environment = process.environ()
        except (psutil.Error, OSError):
            continue
        if environment.get(MARK) == str(root) or environment.get("KML_JOB_STATE_DIR") == str(root):
            found.append(process)
    return found

"""Logs what the user's code prints while it runs. Fed by ModelProcess, from its own thread."""

from __future__ import annotations

import codecs

from kafkaml.logs import get_logger

__all__ = ["OutputLog"]

logger = get_logger("model")

# Longer lines are cut into pieces of this many characters, because a progress bar never ends its line.
_MAX_LINE_LENGTH = 2000


class OutputLog:
    """Turns chunks of bytes into one log line per printed line; ``flush`` writes the last, unfinished one."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def write(self, data: bytes) -> None:
        text = self._rest + self._decoder.decode(data)
        # Progress bars start over with a carriage return.
        *lines, self._rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            self._log(line)
        while len(self._rest) > _MAX_LINE_LENGTH:
            self._log(self._rest[:_MAX_LINE_LENGTH])
            self._rest = self._rest[_MAX_LINE_LENGTH:]

    def flush(self) -> None:
        line, self._rest = self._rest, ""
        self._log(line)

    @staticmethod
    def _log(line: str) -> None:
        for start in range(0, len(line.rstrip()), _MAX_LINE_LENGTH):
            logger.info("output", line=line[start : start + _MAX_LINE_LENGTH].rstrip())

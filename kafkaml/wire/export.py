"""ExportOrder, ExportOutcome: what the server asks of the program that writes a data set to a file, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from kafkaml.wire.contract import Contract
from kafkaml.wire.message import Count, Message, Text

__all__ = ["ExportFormat", "ExportOrder", "ExportOutcome"]


class ExportFormat(StrEnum):
    """The format of an exported file.

    * ``npz``: Named arrays, for ``numpy.load``.
    * ``parquet``: A table with one row per sample.
    """

    NPZ = "npz"
    PARQUET = "parquet"


class ExportOrder(Message):
    """What is exported, as which ``format``. ``name`` is the name of the file, without its ending.

    ``contract`` says how records become samples. For a stream that a sink announced it is None; ``input_format`` and
    ``input_config`` then say it as announced.
    """

    name: Text
    ranges: Text
    contract: Contract | None = None
    input_format: Text = ""
    input_config: Mapping[str, Any] = {}
    validation_rate: float
    test_rate: float
    format: ExportFormat


class ExportOutcome(Message):
    """How an export went: ``samples`` of ``records`` were written, or ``error`` says why not.

    ``kind`` is the name of the error's class.
    """

    samples: Count = 0
    records: Count = 0
    error: Text = ""
    hint: Text = ""
    kind: Text = ""

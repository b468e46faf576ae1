"""ExportOrder, ExportOutcome: what the server asks of the program that writes a data set to a file, and its answer."""

from __future__ import annotations

from enum import StrEnum

from kafkaml.wire.contract import Contract
from kafkaml.wire.message import Count, Message, Text

__all__ = ["ExportFormat", "ExportOrder", "ExportOutcome"]


class ExportFormat(StrEnum):
    """``npz``: arrays by name, for ``numpy.load``. ``parquet``: a row for each sample."""

    NPZ = "npz"
    PARQUET = "parquet"


class ExportOrder(Message):
    """What is exported, as which ``format``. ``name`` and ``version`` are those of the data set."""

    name: Text
    version: int
    ranges: Text
    contract: Contract
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

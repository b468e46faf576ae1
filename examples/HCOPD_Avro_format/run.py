"""The whole way of ``kafka-ml examples run HCOPD_Avro_format``: a diagnosis from three numbers, in Avro records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from examples.HCOPD_Avro_format.hcopd_data import load
from examples.HCOPD_Avro_format.HCOPD_data_stream_producer import send
from examples.journey import Classic, Effort, Score
from kafkaml.sdk import Client

EXAMPLE = Classic(
    "HCOPD_Avro_format",
    Path(__file__).parent,
    topic="hcopd",
    load=load,
    send=send,
    batch_size=10,
    epochs=20,
    confusion_matrix=True,
)


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Run the whole example; see ``Classic``."""
    return EXAMPLE.run(client, effort)

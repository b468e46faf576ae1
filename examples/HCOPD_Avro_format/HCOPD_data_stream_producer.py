"""Streams people with and without COPD to a deployment, as Avro records:

python examples/HCOPD_Avro_format/HCOPD_data_stream_producer.py --deployment 1
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from datasources.avro_sink import AvroSink
from examples.HCOPD_Avro_format.hcopd_data import DATA_SCHEME, LABEL_SCHEME, load, records
from examples.samples import Samples
from examples.scripts import train


def send(samples: Samples, deployment_id: int, bootstrap_servers: str, topic: str) -> None:
    """Send each person with the diagnosis as the record's key, then announce the stream."""
    with AvroSink(
        bootstrap_servers=bootstrap_servers,
        topic=topic,
        deployment_id=deployment_id,
        data_scheme_filename=DATA_SCHEME,
        label_scheme_filename=LABEL_SCHEME,
        description=samples.what,
        validation_rate=0.1,
        test_rate=0.1,
    ) as sink:
        for person, ill in zip(records(samples.features), samples.labels, strict=True):
            sink.send_avro(person, {"diagnosis": bool(ill)})


if __name__ == "__main__":
    train(__doc__, load, send, topic="hcopd")

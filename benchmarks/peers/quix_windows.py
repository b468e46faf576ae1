"""The loop of P12 as it is written with Quix Streams: the last readings of a key as state, a model call a record.

``python quix_windows.py BROKER TOPIC OUTPUT MODEL STATE_FOLDER COLUMNS LENGTH OFFSET SCALE``, in a virtual environment
of its own (``scripts/install-peers``); its group is named as ``OUTPUT``. Ends on request.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnxruntime
from quixstreams import Application, State  # type: ignore[import-not-found]  # of another environment

# Quix Streams commits at this interval, a fifth of its default. Our replica commits ten times a second under load.
_COMMIT_SECONDS = 1.0


def main(broker: str, topic: str, output: str, model: str, folder: str, columns: str, *numbers: str) -> None:
    """Answer windows until the end of the process."""
    names, (length, offset, scale) = columns.split(","), numbers
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    application = Application(
        broker_address=broker,
        consumer_group=output,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=_COMMIT_SECONDS,
        state_dir=folder,
        loglevel="WARNING",
    )

    def answer(value: dict[str, float], state: State) -> dict[str, Any] | None:
        row = [(value[name] - float(offset)) / float(scale) for name in names]
        window = [*state.get("window", []), row][-int(length) :]
        state.set("window", window)
        if len(window) < int(length):
            return None
        (scores,) = session.run(None, {"x": np.array([window], np.float32)})
        return {"values": scores[0].tolist()}

    source = application.topic(topic, value_deserializer="json")
    target = application.topic(output, value_serializer="json")
    frame = application.dataframe(source).apply(answer, stateful=True)
    frame = frame[frame.apply(lambda answered: answered is not None)]
    frame.to_topic(target)
    application.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""``python -m model_inference``: one replica of an inference, started by a launcher; ``KML_JOB_*`` say which.

SIGTERM lets it finish the batch, commit, leave the group and exit with 0. Logs go to standard output.
"""

from __future__ import annotations

import os
import sys

from kafkaml.logs import configure_logs
from kafkaml.settings import KafkaSettings
from kafkaml.wire.job import InferenceJob
from kafkaml.wire.state import WorkerExit
from kafkaml.worker_settings import InferenceSettings
from model_inference.service import Stopped, StopSignal, serve


def main() -> WorkerExit:
    """Serve as the environment says; returns how the process should end."""
    configure_logs("inference")
    stop = StopSignal()
    stop.install()
    try:
        job = InferenceJob.from_env(os.environ)
        return serve(job, stop, settings=InferenceSettings(), kafka=KafkaSettings())
    except Stopped:
        return WorkerExit.SUPERSEDED if stop.superseded else WorkerExit.FINISHED


if __name__ == "__main__":
    sys.exit(main())

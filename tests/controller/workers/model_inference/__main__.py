"""An inference whose replicas regularly report that they serve."""

import os
import time
from pathlib import Path

from kafkaml.wire.job import job_from_env


def main() -> None:
    from model_training.tiny import write_start

    job = job_from_env(os.environ)
    write_start(Path(job.state_dir), job.name, os.environ["KML_JOB_REPLICA"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "backend.config.settings"
    import django

    django.setup()
    from backend.inferences.transitions import store_stats
    from kafkaml.wire.report import Stats

    while True:
        said = Stats(attempt=job.attempt, replica=job.replica, state="running", rate=1.0)
        store_stats(job.inference_id, said)
        time.sleep(1)


if __name__ == "__main__":
    main()

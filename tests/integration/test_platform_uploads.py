"""The backend goes away while a trained model is uploaded: the file arrives whole, and nothing is trained again.

Each outage is struck while the web server's processes are frozen and the file is seen to be there in part. They are
then killed, or left frozen so that connections hang. ``make soak`` strikes a hundred times. Its longest outages last
longer than the worker's limit of a try (30 s), its pauses between tries (at most 5 s) and the server's own limit
(60 s), so an outage of ten minutes only repeats what happens in them.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random

import psutil
import pytest

from backend.launchers.job_folder import JobFolder
from datasources import RawSink
from kafkaml.artifacts import sha256_of_file
from kafkaml.sdk.types import RunState
from kafkaml.wire.framework import Framework
from tests.integration.training_support import blobs, model_code
from tests.platform import Platform, frozen
from tests.soak_record import SoakRecord
from tests.support import eventually, has_ended, soaking

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(3600 if soaking() else 900)]

OUTAGES, FRAMEWORKS = (100, list(Framework)) if soaking() else (4, [Framework.PYTORCH])
MOST_IN_A_TRAINING = 10
# The seconds of the first outages; all others last at most one.
LONG = {0: 35.0, 1: 65.0} if soaking() else {}
# The supervisor ends a platform whose server dies five times in a row within this time after its start.
HEALTHY_SECONDS = 31
EPOCHS = 2
# A width that makes each file of a model 32 MB large, which is four pieces.
WIDTH = 1_000_000


class Outage(StrEnum):
    """What happens to the backend."""

    SERVER_KILLED = "server killed"
    SERVING_PROCESS_KILLED = "serving process killed"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Upload:
    """The upload of a training's files, seen from the backend's folder and the worker's process."""

    folder: Path
    worker: int

    def files(self) -> dict[str, int]:
        """Return the sizes of all files that have arrived in part or whole, by name."""
        sizes = {}
        for path in self.folder.glob("*"):
            try:
                sizes[path.name] = path.stat().st_size
            except FileNotFoundError:
                # What arrived in part is whole just now, and has another name.
                continue
        return sizes

    def bytes_here(self) -> int:
        return sum(self.files().values())

    def has_more_than(self, count: int) -> bool:
        """Whether more bytes have arrived, or the worker has ended."""
        return self.bytes_here() > count or self.is_over()

    def incomplete(self) -> str:
        """Return the hash of the file that has arrived in part; empty if there is none."""
        sizes = self.files()
        parts = {name.removeprefix(".part-") for name, size in sizes.items() if name.startswith(".part-") and size}
        return next(iter(parts - sizes.keys()), "")

    def is_over(self) -> bool:
        return has_ended(self.worker)


def strike(platform: Platform, upload: Upload, outage: Outage, seconds: float) -> str:
    """Take the backend away for some seconds; returns the hash of the incomplete file.

    Nothing is done when no file is incomplete once the backend is frozen; the result is then empty.
    """
    server = psutil.Process(platform.pid_of("web"))
    serving = server.children(recursive=True)
    with frozen(server, *serving):
        sha256 = upload.incomplete()
        if sha256 and outage is Outage.SERVER_KILLED:
            # A frozen supervisor starts no other server.
            with frozen(psutil.Process(platform.status.supervisor_pid)):
                for process in (server, *serving):
                    process.kill()
                time.sleep(seconds)
        elif sha256:
            for process in serving if outage is Outage.SERVING_PROCESS_KILLED else ():
                process.kill()
            time.sleep(seconds)
    return sha256


def strike_often(
    platform: Platform, upload: Upload, lengths: list[float], random: Random, soak: SoakRecord
) -> dict[Outage, list[str]]:
    """Take the backend away again and again until ``lengths`` is empty or the upload ends; returns the files' hashes.

    Lengths are removed from the list once their outage was struck.
    """
    struck: dict[Outage, list[str]] = {outage: [] for outage in Outage}
    outages = [Outage.SERVER_KILLED, *[Outage.FROZEN, Outage.SERVING_PROCESS_KILLED] * MOST_IN_A_TRAINING]
    for outage in outages[: min(MOST_IN_A_TRAINING, len(lengths))]:
        sha256 = ""
        while not sha256:
            eventually(lambda: upload.incomplete() or upload.is_over(), 300, interval_seconds=0.001, eager=True)
            if upload.is_over():
                return struck
            # Some outages fall between two pieces, and some in the middle of one.
            time.sleep(random.uniform(0, 0.01))
            sha256 = strike(platform, upload, outage, lengths[0])
        del lengths[0]
        struck[outage].append(sha256)
        goes_on = partial(upload.has_more_than, upload.bytes_here())
        with soak.recovery():
            eventually(goes_on, 120, interval_seconds=0.001, what="the upload to go on")
    return struck


def begin(platform: Platform, framework: Framework, name: str) -> int:
    """Begin a training of a model with many weights; returns its result's id."""
    client = platform.client
    code = model_code(framework, shape=(4,), classes=3).replace("32", str(WIDTH))
    model = client.models.create(name=name, framework=framework, code=code)
    configuration = client.configurations.create(name=name, models=[model.id])
    deployment = client.deployments.create(
        configuration=configuration.id,
        batch_size=16,
        tensorflow_fit_arguments=f"epochs={EPOCHS}" if framework is Framework.TENSORFLOW else "",
        pytorch_fit_arguments=f"max_epochs={EPOCHS}" if framework is Framework.PYTORCH else "",
    )
    with RawSink(
        bootstrap_servers=platform.bootstrap_servers, topic=name, deployment_id=deployment.id, group_id=name
    ) as sink:
        sink.send_array(*blobs(60))
    (result,) = deployment.results
    return result.id


def is_past(moment: float) -> bool:
    return time.time() > moment


def upload_of(platform: Platform, result: int) -> Upload:
    folder = JobFolder(platform.state.root / "jobs" / f"kml-train-{result}-a1")

    def worker() -> int:
        state = folder.state(0)
        return state.worker.pid if state is not None and state.worker is not None else 0

    return Upload(platform.state.artifacts / str(result) / "a1", eventually(worker, 120))


def check(platform: Platform, result: int, struck: set[str], folder: Path) -> None:
    """Check that the result is there once, was trained once, and has the files that the worker made."""
    client = platform.client
    found = client.results.wait_for(result, RunState.FINISHED, timeout_seconds=300)
    assert (found.attempt, [epoch.epoch for epoch in found.epochs]) == (1, [*range(1, EPOCHS + 1)])
    assert found.deployment is not None
    assert [row.id for row in client.deployments.get(found.deployment).results] == [result]
    assert found.version_count == 1
    assert found.outcome is not None
    hashes = dict(found.outcome.artifacts)
    assert sorted((artifact.name, artifact.sha256) for artifact in found.artifacts) == sorted(hashes.items())
    assert {path.name: sha256_of_file(path) for path in client.results.download(result, folder)} == hashes
    assert struck <= set(hashes.values()), "an outage fell in another upload than the result's"
    shutil.rmtree(folder)


def test_a_result_whose_upload_loses_the_backend_again_and_again_is_stored_once_and_whole(
    platform: Platform, tmp_path: Path, soak: SoakRecord
) -> None:
    soak.begin("R8")
    random = Random(8)
    lengths = [LONG.get(number, random.uniform(0, 1)) for number in range(OUTAGES)]
    counts, trainings = dict.fromkeys(Outage, 0), 0
    for framework in cycle(FRAMEWORKS):
        if not lengths:
            break
        trainings += 1
        began = psutil.Process(platform.pid_of("web")).create_time()
        eventually(partial(is_past, began + HEALTHY_SECONDS), 60)
        result = begin(platform, framework, f"away-{trainings}")
        struck = strike_often(platform, upload_of(platform, result), lengths, random, soak)
        hashes = {sha256 for found in struck.values() for sha256 in found}
        assert hashes, "the upload was over before the backend could be taken away"
        check(platform, result, hashes, tmp_path / "files")
        counts = {outage: counts[outage] + len(found) for outage, found in struck.items()}
    said = ", ".join(f"{outage} {count}" for outage, count in counts.items())
    soak.did(f"{OUTAGES} outages of up to {max([1.0, *LONG.values()]):g} s ({said}) in {trainings} trainings")

"""Trained models in an S3-compatible store: kept there before they count, fetched when the disk let them go."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from django.core.management import CommandError, call_command
from moto.server import ThreadedMotoServer
from pydantic import SecretStr
from rest_framework.test import APIClient

from backend.api.errors import NotFound
from backend.api.tests import builders
from backend.config.environment import environment
from backend.deployments import storage
from backend.deployments.models import Artifact, TrainingResult
from backend.deployments.storage import ContentRange
from backend.runs import transitions as runs
from backend.system import selectors
from kafkaml.errors import BrokenError

pytestmark = pytest.mark.django_db

_KEYS = {"aws_access_key_id": "who", "aws_secret_access_key": "secret", "region_name": "us-east-1"}


class Bucket:
    """What is in the store, seen by somebody else's client."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = boto3.client("s3", endpoint_url=url, **_KEYS)

    def create(self) -> None:
        self._client.create_bucket(Bucket="models")

    def names(self) -> list[str]:
        return [entry["Key"] for entry in self._client.list_objects_v2(Bucket="models").get("Contents", ())]

    def overwrite(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket="models", Key=key, Body=content)

    def empty(self) -> None:
        for key in self.names():
            self._client.delete_object(Bucket="models", Key=key)


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    made = Bucket(f"http://{host}:{port}")
    made.create()
    yield made
    running.stop()


@pytest.fixture
def bucket(server: Bucket, configure: Callable[..., None]) -> Bucket:
    server.empty()
    configure(
        s3_bucket="models",
        s3_endpoint_url=server.url,
        s3_prefix="team/a",
        s3_access_key_id="who",
        s3_secret_access_key=SecretStr("secret"),
    )
    return server


def stored(result: TrainingResult, content: bytes, name: str = "m.keras") -> Artifact:
    sha256 = hashlib.sha256(content).hexdigest()
    whole = ContentRange(0, len(content), len(content))
    artifact, _ = storage.receive(result, name, sha256, whole, BytesIO(content))
    assert artifact is not None
    return artifact


def local_files() -> list[Path]:
    return [path for path in environment().artifacts_dir.glob("*/a*/*") if len(path.name) == 64]


def unused(path: Path) -> None:
    os.utime(path, (1, 1))


def test_a_model_is_in_the_store_when_its_row_is(bucket: Bucket) -> None:
    result = builders.make_launched()
    artifact = stored(result, b"the model")
    assert bucket.names() == [f"team/a/{result.pk}/a1/{artifact.sha256}"]


def test_a_lost_disk_is_filled_from_the_store(bucket: Bucket, viewer: APIClient) -> None:
    result = builders.make_launched()
    artifact = stored(result, b"the model" * 1000)
    builders.finish(result)
    (path,) = local_files()
    path.unlink()
    answer = viewer.get(f"/api/results/{artifact.result_id}/artifacts/{artifact.name}/", headers={"range": "bytes=3-7"})
    assert (answer.status_code, b"".join(answer)) == (206, b" mode")
    assert storage.fetch(artifact).read_bytes() == b"the model" * 1000


def test_a_fetch_that_was_cut_off_goes_on(bucket: Bucket) -> None:
    artifact = stored(builders.make_launched(), b"0123456789")
    path = storage.path_of(artifact)
    for arrived in (b"0123", b"0123456789"):
        path.unlink()
        path.with_name(f"{artifact.sha256}.part").write_bytes(arrived)
        assert storage.fetch(artifact).read_bytes() == b"0123456789"


def test_what_was_changed_in_the_store_is_not_served(bucket: Bucket) -> None:
    artifact = stored(builders.make_launched(), b"the model")
    storage.path_of(artifact).unlink()
    bucket.overwrite(bucket.names()[0], b"another's")
    with pytest.raises(BrokenError, match="sha256"):
        storage.fetch(artifact)


def test_what_is_nowhere_is_reported(bucket: Bucket) -> None:
    artifact = stored(builders.make_launched(), b"the model")
    storage.path_of(artifact).unlink()
    bucket.empty()
    with pytest.raises(NotFound, match=r"m\.keras"):
        storage.fetch(artifact)


def test_a_store_that_is_unreachable_loses_nothing(bucket: Bucket, configure: Callable[..., None]) -> None:
    result = builders.make_launched()
    configure(s3_bucket="missing")
    with pytest.raises(BrokenError, match="bucket missing"):
        stored(result, b"the model")
    assert not Artifact.objects.exists()
    sha256 = hashlib.sha256(b"the model").hexdigest()
    assert storage.bytes_received(result, "m.keras", sha256) == len(b"the model")
    configure(s3_bucket="models")
    # The worker sends its last piece again.
    artifact, new = storage.receive(result, "m.keras", sha256, ContentRange(8, 9, 9), BytesIO(b"l"))
    assert new
    assert artifact is not None
    assert storage.fetch(artifact).read_bytes() == b"the model"


def test_the_disk_lets_go_of_what_was_not_used_lately(bucket: Bucket, configure: Callable[..., None]) -> None:
    result = builders.make_launched()
    first, second = stored(result, b"1" * 100, "a.keras"), stored(result, b"2" * 100, "b.keras")
    unused(storage.path_of(first))
    unused(storage.path_of(second))
    storage.fetch(second)
    configure(s3_cache_bytes=250)
    stored(result, b"3" * 100, "c.keras")
    assert first.sha256 not in {path.name for path in local_files()}
    assert len(local_files()) == 2
    assert storage.fetch(first).read_bytes() == b"1" * 100


def test_models_from_before_there_was_a_bucket_are_copied(
    bucket: Bucket, configure: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(s3_bucket="")
    with pytest.raises(CommandError, match="KML_S3_BUCKET"):
        call_command("copy_artifacts")
    result = builders.make_launched()
    old, older = stored(result, b"old", "a.keras"), stored(result, b"older", "b.keras")
    configure(s3_bucket="models", s3_cache_bytes=0)
    # One file is copied because it is to be dropped from the disk, the other by the command.
    unused(storage.path_of(older))
    stored(result, b"new", "c.keras")
    assert [path.name for path in local_files() if path.name == older.sha256] == []
    assert storage.fetch(older).read_bytes() == b"older"
    call_command("copy_artifacts")
    assert capsys.readouterr().out.strip() == "1 copied, 2 were there before"
    assert len(bucket.names()) == 3
    bucket.empty()
    storage.path_of(old).unlink()
    with pytest.raises(CommandError, match=r"1 are lost:\n.*a\.keras"):
        call_command("copy_artifacts")


def test_a_deleted_result_leaves_nothing_in_the_store(
    bucket: Bucket, editor: APIClient, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    kept, gone = builders.make_launched(), builders.make_launched()
    stored(kept, b"kept")
    stored(gone, b"gone")
    bucket.overwrite(f"team/a/{gone.pk}0/a1/other", b"of a result whose number begins like this one's")
    with django_capture_on_commit_callbacks(execute=True):
        storage.remove_result(gone.pk)
    assert {key.split("/")[2] for key in bucket.names()} == {str(kept.pk), f"{gone.pk}0"}


def test_a_later_attempt_removes_the_earlier_ones_files(
    bucket: Bucket, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    result = builders.make_launched()
    stored(result, b"first")
    runs.register_attempt(TrainingResult, result.pk)
    result.refresh_from_db()
    assert result.attempt == 2
    second = stored(result, b"second")
    with django_capture_on_commit_callbacks(execute=True):
        storage.remove_attempts_before(result)
    assert bucket.names() == [f"team/a/{result.pk}/a2/{second.sha256}"]


def test_the_system_page_tells_how_the_store_is(
    bucket: Bucket, viewer: APIClient, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A store on a busy machine takes longer than the page waits for it.
    monkeypatch.setattr(selectors, "_STORE_SECONDS", 60.0)

    def shown() -> tuple[str, str]:
        (store,) = (
            component
            for component in viewer.get("/api/system/").json()["components"]
            if component["name"] == "object-store"
        )
        return store["state"], store["detail"]

    assert shown() == ("ready", "bucket models")
    configure(s3_bucket="missing")
    state, detail = shown()
    assert state == "failed"
    assert "NoSuchBucket" in detail

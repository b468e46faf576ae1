from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkaml.artifacts import sha256_of_file
from kafkaml.errors import ApiError, RefusedError
from kafkaml.job_client import Heartbeat, JobClient
from kafkaml.wire.checkpoint import Checkpoint
from tests.fake_backend import FakeBackend


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with FakeBackend() as running:
        yield running


@pytest.fixture
def client(backend: FakeBackend, tmp_path: Path) -> Iterator[JobClient]:
    with JobClient(backend.training_job(tmp_path), deadline_seconds=60) as running:
        yield running


def test_a_call_is_repeated_while_the_backend_restarts(backend: FakeBackend, client: JobClient) -> None:
    backend.fail_next(2, 503)
    client.post("stats", {"rate": 1})
    assert backend.stats == [{"attempt": 1, "rate": 1}]


def test_a_single_try_does_not_wait_for_the_backend(backend: FakeBackend, client: JobClient) -> None:
    backend.fail_next(1, 503)
    with pytest.raises(ApiError) as caught:
        client.post("stats", {}, deadline_seconds=0)
    assert caught.value.status == 503


def test_an_unreachable_backend_is_named_with_a_hint(backend: FakeBackend, tmp_path: Path) -> None:
    job = backend.training_job(tmp_path)
    backend.stop()
    with JobClient(job, deadline_seconds=0) as client, pytest.raises(ApiError, match="cannot be reached") as caught:
        client.post("stats", {})
    assert caught.value.status == 0
    assert "KML_JOB_BACKEND_URL" in caught.value.hint


def test_an_older_attempt_is_reported_at_once(backend: FakeBackend, client: JobClient) -> None:
    backend.attempt = 2
    with pytest.raises(ApiError, match="newer attempt") as caught:
        client.post("stats", {})
    assert caught.value.status == 409
    assert len(backend.requests) == 1


def test_renewal_changes_the_token_in_use_and_in_the_file(
    backend: FakeBackend, client: JobClient, tmp_path: Path
) -> None:
    client.renew_token()
    backend.tokens = {"renewed-token-number-1"}
    client.post("stats", {})
    assert (tmp_path / "token").read_text() == "renewed-token-number-1"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_a_sub_model_of_the_same_training_is_reported_with_the_same_token(
    backend: FakeBackend, client: JobClient, tmp_path: Path
) -> None:
    other = client.of_result(6)
    # The token file cannot be replaced, as in a pod where it is a read-only mount.
    (tmp_path / f".token.{os.getpid()}").mkdir()
    client.renew_token()
    backend.tokens = {"renewed-token-number-1"}
    other.post("stats", {})
    assert backend.requests[-1] == ("POST", "/api/jobs/training/6/stats/")
    assert backend.renewals == 1


def test_a_stale_file_does_not_replace_a_renewed_token(backend: FakeBackend, client: JobClient, tmp_path: Path) -> None:
    # The token file cannot be replaced, as in a pod where it is a read-only mount.
    (tmp_path / f".token.{os.getpid()}").mkdir()
    client.renew_token()
    assert (tmp_path / "token").read_text() == "first-token-of-the-job"
    backend.tokens, backend.renewable = set(), {"renewed-token-number-1"}
    client.post("stats", {})
    assert len(backend.stats) == 1


def test_an_expired_token_is_read_again_from_its_file(backend: FakeBackend, client: JobClient, tmp_path: Path) -> None:
    backend.tokens = {"token-that-a-sibling-renewed"}
    (tmp_path / "token").write_text("token-that-a-sibling-renewed\n")
    client.post("stats", {})
    assert len(backend.stats) == 1


def test_a_token_that_is_not_there_yet_is_read_when_it_is(backend: FakeBackend, tmp_path: Path) -> None:
    job = backend.training_job(tmp_path)
    token = Path(job.token_file).read_text()
    Path(job.token_file).write_text("")
    with JobClient(job, deadline_seconds=0) as client:
        with pytest.raises(ApiError) as caught:
            client.post("stats", {})
        assert caught.value.status == 401
        Path(job.token_file).write_text(token)
        client.post("stats", {})
    assert len(backend.stats) == 1


def test_an_expired_token_is_renewed_while_the_backend_still_does_so(backend: FakeBackend, client: JobClient) -> None:
    backend.tokens, backend.renewable = set(), {"first-token-of-the-job"}
    client.post("stats", {})
    assert len(backend.stats) == 1
    backend.tokens, backend.renewable = set(), set()
    with pytest.raises(ApiError) as caught:
        client.post("stats", {})
    assert caught.value.status == 401


def test_an_upload_goes_on_where_it_was_cut(
    backend: FakeBackend, client: JobClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kafkaml.job_client._UPLOAD_CHUNK_BYTES", 1000)
    path = tmp_path / "model.keras"
    path.write_bytes(bytes(range(256)) * 20)
    backend.fail_next(1, 503, after=True)
    backend.fail_next(1, 503)

    assert client.upload_artifact("model.keras", path) == sha256_of_file(path)

    assert bytes(backend.uploads["model.keras"].content) == path.read_bytes()
    assert backend.uploads["model.keras"].complete
    # The file has 6 chunks; each fault costs a HEAD and at most one repeated chunk.
    assert sum(method == "PUT" for method, _ in backend.requests) <= 7


def test_an_upload_whose_confirmation_was_lost_is_confirmed_again(
    backend: FakeBackend, client: JobClient, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights")
    client.upload_artifact("model.onnx", path)
    assert client.upload_artifact("model.onnx", path) == hashlib.sha256(b"weights").hexdigest()
    assert bytes(backend.uploads["model.onnx"].content) == b"weights"


@pytest.mark.parametrize("name", ["../secret", ".hidden", "a/b", "", "x" * 101])
def test_names_that_are_paths_are_refused(client: JobClient, tmp_path: Path, name: str) -> None:
    with pytest.raises(RefusedError, match="not a name of an artifact"):
        client.upload_artifact(name, tmp_path / "token")


def test_a_download_goes_on_where_it_was_cut(backend: FakeBackend, tmp_path: Path) -> None:
    content = bytes(range(256)) * 100
    backend.downloads["model.onnx", 1] = content
    backend.cut_downloads_after = [5000, 700]
    sha256 = hashlib.sha256(content).hexdigest()
    with JobClient(backend.inference_job(tmp_path), deadline_seconds=60) as client:
        path = client.download_artifact("model.onnx", sha256)
        assert path.read_bytes() == content
        assert client.download_artifact("model.onnx", sha256) == path
    assert len(backend.requests) == 3


def test_the_checkpoint_of_an_earlier_attempt_comes_back(
    backend: FakeBackend, client: JobClient, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint-3.zip"
    path.write_bytes(b"weights" * 99)
    sha256 = client.upload_artifact(path.name, path)
    backend.attempt = 2
    saved = Checkpoint(attempt=1, name=path.name, sha256=sha256, size=693, step=3)
    with JobClient(backend.training_job(tmp_path, attempt=2)) as second:
        assert second.download_checkpoint(saved, tmp_path / "new").read_bytes() == path.read_bytes()


def test_a_download_with_another_hash_never_becomes_visible(backend: FakeBackend, tmp_path: Path) -> None:
    backend.downloads["model.onnx", 1] = b"something else"
    sha256 = hashlib.sha256(b"what was trained").hexdigest()
    with (
        JobClient(backend.inference_job(tmp_path), deadline_seconds=0.1) as client,
        pytest.raises(ApiError, match="expected"),
    ):
        client.download_artifact("model.onnx", sha256)
    assert not (tmp_path / "cache" / "artifacts" / sha256).exists()


def test_the_heartbeat_renews_and_tells_when_the_attempt_is_over(
    backend: FakeBackend, client: JobClient, tmp_path: Path
) -> None:
    over = threading.Event()
    errors: list[ApiError] = []

    def on_final(error: ApiError) -> None:
        errors.append(error)
        over.set()

    with Heartbeat(client, on_final=on_final, interval_seconds=0.02):
        backend.fail_next(2, 503)
        backend.fail_next(1, 409)
        assert over.wait(60)
    assert [error.status for error in errors] == [409]

from __future__ import annotations

from types import SimpleNamespace

import pytest
import tenacity
from structlog.testing import capture_logs

from kafkaml.errors import ApiError, BrokerError, BrokerTimeout, DecodeError, ProducerFenced, TransactionAborted
from kafkaml.retry import is_transient, retried


@pytest.mark.parametrize("status", [0, 408, 416, 429, 500, 502, 503, 504, 507])
def test_a_backend_that_is_unreachable_or_busy_is_asked_again(status: int) -> None:
    assert is_transient(ApiError("x", status=status))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
def test_a_refusal_is_final(status: int) -> None:
    assert not is_transient(ApiError("x", status=status))


def test_of_kafkas_errors_those_pass_that_need_no_decision() -> None:
    assert is_transient(BrokerError("x"))
    assert is_transient(BrokerTimeout("x"))
    assert not is_transient(ProducerFenced("x"))
    assert not is_transient(TransactionAborted("x"))
    assert not is_transient(DecodeError("x"))


def test_the_last_error_is_raised_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []
    # Time passes only in the pauses, so that a pause of the machine cannot take the place of a second try.
    now = [1000.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(tenacity, "time", clock)
    monkeypatch.setattr(tenacity.nap, "time", clock)

    def call() -> None:
        tries.append(1)
        raise ApiError(f"try {len(tries)}", status=503)

    with pytest.raises(ApiError, match="try"):
        retried(call, deadline_seconds=0.5)
    assert len(tries) > 1
    assert now[0] - 1000.0 <= 0.5 + 1.0


def test_each_try_again_is_logged_with_its_reason_and_hint() -> None:
    errors = iter([ApiError("no room", status=503, hint="free disk space"), None])

    def call() -> None:
        if error := next(errors):
            raise error

    with capture_logs() as lines:
        retried(call, deadline_seconds=10)
    (line,) = lines
    assert (line["event"], line["error"], line["hint"]) == ("will try again", "no room", "free disk space")

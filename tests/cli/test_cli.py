"""The command line answers fast. Its exit code tells scripts what happened, and its messages tell users what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from kafka_ml_cli import data
from kafka_ml_cli.exits import ExitCode, exit_code_of
from kafkaml import errors
from kafkaml.sdk.types import Deployment
from kafkaml.wire.state import RunState


def run_cli(*arguments: str, state_dir: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **env}
    if state_dir is not None:
        environment["KML_STATE_DIR"] = str(state_dir)
    command = [sys.executable, "-m", "kafka_ml_cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)


def test_help_lists_every_noun_and_the_exit_codes() -> None:
    done = run_cli("--help")
    assert done.returncode == 0
    nouns = (
        "models",
        "configurations",
        "deployments",
        "results",
        "inferences",
        "streams",
        "clusters",
        "webhooks",
        "users",
        "tokens",
    )
    for word in (*nouns, "up", "down", "status", "doctor", "send", "tail", "6 not in time"):
        assert word in " ".join(done.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom kafka_ml_cli.main import app\nfrom typer.main import get_command\nget_command(app)\n"
        "print([name for name in ('httpx', 'numpy', 'pydantic', 'confluent_kafka', 'psutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_deployments_have_an_option_for_the_arguments_of_each_framework() -> None:
    done = run_cli("deployments", "create", "--help")
    for option in ("--tensorflow-fit", "--tensorflow-evaluation", "--pytorch-fit", "--pytorch-evaluation"):
        assert option in done.stdout
    assert "max_epochs=10, shuffle=True" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "noun",
    ["models", "configurations", "deployments", "results", "inferences", "streams", "clusters", "users", "tokens"],
)
def test_every_noun_can_be_listed_as_json(noun: str) -> None:
    done = run_cli(noun, "list", "--help")
    assert done.returncode == 0
    assert "--json" in done.stdout


def test_status_of_nothing_is_unreachable(tmp_path: Path) -> None:
    done = run_cli("status", "--json", state_dir=tmp_path / "state")
    assert done.returncode == ExitCode.UNREACHABLE
    assert orjson.loads(done.stdout) == {"running": False, "state_dir": str(tmp_path / "state")}


def test_commands_without_a_platform_say_how_to_start_one(tmp_path: Path) -> None:
    done = run_cli("models", "list", state_dir=tmp_path)
    assert done.returncode == ExitCode.UNREACHABLE
    assert "no platform runs on this machine" in done.stderr
    assert "kafka-ml up" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_address_is_named() -> None:
    done = run_cli("--url", "http://127.0.0.1:1", "models", "list", KML_TOKEN="x" * 20)
    assert done.returncode == ExitCode.UNREACHABLE
    assert "http://127.0.0.1:1 could not be reached" in done.stderr


def test_wrong_usage_is_refused() -> None:
    assert run_cli("models", "show", "one").returncode == ExitCode.REFUSED
    assert run_cli("no-such-command").returncode == ExitCode.REFUSED


def test_down_of_nothing_is_fine(tmp_path: Path) -> None:
    done = run_cli("down", "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 0
    assert "nothing runs" in done.stdout


def test_send_says_what_is_missing(tmp_path: Path) -> None:
    done = run_cli("send", str(tmp_path / "missing.csv"), "--topic", "t")
    assert done.returncode == ExitCode.REFUSED
    assert "missing.csv" in done.stderr


@pytest.mark.parametrize(
    ("deployment", "asked", "online"),
    [
        (None, False, False),
        (Deployment(id=1, configuration=1, batch_size=32, state=RunState.WAITING), False, False),
        (Deployment(id=1, configuration=1, batch_size=32, state=RunState.WAITING, mode="incremental"), False, True),
        (None, True, "to which deployment"),
        (Deployment(id=1, configuration=1, batch_size=32, state=RunState.WAITING), True, "expected an incremental one"),
    ],
)
def test_a_file_is_sent_as_the_stream_that_its_deployment_takes(
    deployment: Deployment | None, asked: bool, online: bool | str
) -> None:
    if isinstance(online, bool):
        assert data.is_online(deployment, asked=asked) is online
        return
    with pytest.raises(errors.RefusedError, match=online):
        data.is_online(deployment, asked=asked)


def test_doctor_checks_everything_and_gives_fixes(tmp_path: Path) -> None:
    done = run_cli("doctor", "--seminar", "--json", state_dir=tmp_path / "state")
    findings = {row["subject"]: row for row in orjson.loads(done.stdout)}
    expected = {"python", "java", "kafka", "disk", "memory", "ports", "broker", "gpu", "isolation", "platform"}
    assert findings["frameworks"]["detail"].startswith("TensorFlow 2.")
    assert findings["programs"]["verdict"] == "ok"
    expected |= {"machine", "frameworks", "programs", "notebooks", "containers", "cluster"}
    assert set(findings) == expected
    assert findings["java"]["verdict"] == "ok"
    for finding in findings.values():
        assert finding["verdict"] == "ok" or finding["fix"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RefusedError("x"), ExitCode.REFUSED),
        (errors.FailedError("x"), ExitCode.FAILED),
        (errors.DeadlineExceeded("x"), ExitCode.TIMED_OUT),
        (errors.BrokerTimeout("x"), ExitCode.UNREACHABLE),
        (errors.ApiError("x"), ExitCode.UNREACHABLE),
        (errors.ApiError("x", status=404), ExitCode.NOT_FOUND),
        (errors.ApiError("x", status=403), ExitCode.NOT_ALLOWED),
        (errors.ApiError("x", status=409), ExitCode.REFUSED),
        (errors.ApiError("x", status=500), ExitCode.FAILED),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: errors.KafkaMLError, code: ExitCode) -> None:
    assert exit_code_of(error) == code


def test_a_diverged_training_is_shown_as_nan(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kafka_ml_cli import results
    from kafkaml.sdk.types import TrainingResult

    epoch = {"epoch": 1, "seconds": 0.0, "training": {"loss": None}, "validation": {"loss": None}}
    outcome = {
        "seconds": 1.0,
        "samples": {},
        "test_metrics": {"loss": None},
        "artifacts": {},
        "versions": {},
        "code_sha256": "c" * 64,
        "slice_sha256": "5" * 64,
        "split": "by time",
        "scores": {"accuracy": 0.854},
        "baseline": {"kind": "majority", "answer": "0", "scores": {"accuracy": 0.854}, "samples": 500},
        "pseudo_labels": [
            {"round": 1, "unlabelled": 1700, "chosen": 1200, "added": 1200},
            {"round": 2, "unlabelled": 1700, "chosen": 1300, "added": 110, "agreement": 0.99},
        ],
        "warnings": ["the training [diverged]"],
    }
    found = TrainingResult.model_validate(
        {"id": 7, "model": 1, "state": "finished", "epochs": [epoch], "outcome": outcome}
    )

    class Results:
        def get(self, _number: int) -> TrainingResult:
            return found

        def list(self, **_filters: object) -> list[TrainingResult]:
            return [found]

    class Client:
        results = Results()

    monkeypatch.setattr(results, "client_of", lambda _context: Client())
    results.show(None, 7)  # type: ignore[arg-type]
    results.list_(None)  # type: ignore[arg-type]
    results.show(None, 7, json=True)  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert "loss nan" in shown
    assert "warning the training [diverged]" in shown
    assert "split by time" in shown
    assert "no better than always saying 0 accuracy 0.854" in shown
    assert "pseudo-labels round 1: 1,200 of 1,700 chosen, 1,200 of them new\n" in shown
    assert "round 2: 1,300 of 1,700 chosen, 110 of them new, 99% of those before predicted the same again" in shown
    assert '"loss": null' in shown


def test_waiting_for_a_training_shows_its_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from kafka_ml_cli import runs
    from kafka_ml_cli.main import app
    from kafkaml.sdk.types import TrainingResult

    progress = {"epoch": 2, "epochs": 5, "batch": 1, "batches": 9, "metrics": {"loss": None}}
    states = [
        TrainingResult.model_validate({"id": 7, "model": 1, **fields})
        for fields in ({"state": "waiting"}, {"state": "running", "progress": progress}, {"state": "finished"})
    ]
    shown: list[str] = []

    class Results:
        def wait_for(
            self, _number: int, _state: str, *, timeout_seconds: float, on_change: Callable[[TrainingResult], None]
        ) -> TrainingResult:
            for result in states:
                on_change(result)
            return states[-1]

    monkeypatch.setattr(runs, "collection", lambda _context: Results())
    monkeypatch.setattr("rich.status.Status.update", lambda _self, text: shown.append(text))
    done = CliRunner().invoke(app, ["results", "wait", "7"])
    assert done.exit_code == 0, done.output
    assert shown == ["waiting", "running, epoch 2 of 5", "finished"]


def test_the_address_that_other_programs_run_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kafkaml.cli.main", "--help"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Train, serve and watch" in done.stdout

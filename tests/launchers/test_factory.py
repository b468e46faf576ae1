"""The settings choose a launcher for the controller, and the logs on the disk for the API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.launchers.factory import LauncherSettings, autoscaling_obstacle, launcher_from_settings, logs_from_settings
from backend.launchers.process import ProcessLauncher
from backend.launchers.replica_log import LogWriter
from kafkaml.settings import KafkaSettings


def settings(tmp_path: Path, **values: object) -> LauncherSettings:
    return LauncherSettings(state_dir=tmp_path, **values)  # type: ignore[arg-type]


def test_processes_of_this_machine_are_the_default(tmp_path: Path) -> None:
    launcher = launcher_from_settings(settings(tmp_path, warm_workers=False), KafkaSettings())
    assert isinstance(launcher, ProcessLauncher)
    launcher.close()


def test_a_launcher_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="launcher"):
        settings(tmp_path, launcher="docker")


@pytest.mark.parametrize(("launcher", "folder"), [("process", "jobs"), ("kubernetes", "jobs-logs")])
def test_logs_are_read_from_the_disk_whichever_process_wrote_them(launcher: str, folder: str, tmp_path: Path) -> None:
    work = tmp_path / folder / "kml-infer-3-a1"
    work.mkdir(parents=True)
    writer = LogWriter(work, 1)
    writer.write(b"one\ntwo\n")
    writer.close()
    logs = logs_from_settings(settings(tmp_path, launcher=launcher))
    assert logs.logs("kml-infer-3-a1", replica=1, offset=4) == (b"two\n", 8)
    assert logs.logs("kml-infer-3-a1", replica=0) == (b"", 0)
    assert logs.logs("kml-infer-4-a1") == (b"", 0)
    with pytest.raises(ValueError, match="not a name of work"):
        logs.logs("../secrets")


def test_logs_from_other_clusters_are_read_by_name_as_well(tmp_path: Path) -> None:
    given = settings(tmp_path)
    work = given.other_logs_dir / "3" / "kml-infer-3-a1"
    work.mkdir(parents=True)
    writer = LogWriter(work, 0)
    writer.write(b"from elsewhere")
    writer.close()
    assert logs_from_settings(given).logs("kml-infer-3-a1") == (b"from elsewhere", 14)


def test_who_only_reads_logs_needs_no_client_of_a_cluster(tmp_path: Path) -> None:
    program = (
        "import sys; from backend.launchers.factory import logs_from_settings;"
        "logs_from_settings().logs('kml-train-1-a1');"
        "sys.exit('kubernetes' in sys.modules)"
    )
    env = {"KML_LAUNCHER": "kubernetes", "KML_STATE_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=env, check=False, timeout=60).returncode == 0


def test_only_a_cluster_with_keda_scales_on_the_lag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not kubernetes" in autoscaling_obstacle(settings(tmp_path))
    assert "KML_KUBERNETES_KEDA is off" in autoscaling_obstacle(settings(tmp_path, launcher="kubernetes"))
    monkeypatch.setenv("KML_KUBERNETES_KEDA", "true")
    assert autoscaling_obstacle(settings(tmp_path, launcher="kubernetes")) == ""

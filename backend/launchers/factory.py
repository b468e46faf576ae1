"""launcher_from_settings: the one place that chooses between the launchers, for the controller and the API's logs."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.launchers.base import Launcher
from backend.launchers.process import ProcessLauncher
from kafkaml.errors import SettingsError
from kafkaml.settings import KafkaSettings, default_state_dir

__all__ = ["LauncherSettings", "autoscaling_obstacle", "launcher_from_settings"]

# What every runner imports; forked from a server that has it imported already.
_PRELOADED = ("kafkaml.confluent", "kafkaml.job_client", "model_training", "model_inference")


class LauncherSettings(BaseSettings):
    """Where and how workers run (prefix ``KML_``)."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True)

    launcher: str = Field("process", description="process (this machine) or kubernetes")
    state_dir: Path = Field(default_factory=default_state_dir)
    warm_workers: bool = Field(True, description="fork workers from a process that has their modules imported")
    worker_grace_seconds: float = Field(20.0, gt=0, description="between SIGTERM and SIGKILL")
    isolation: str = Field("auto", pattern="^(auto|namespaces|landlock|off)$")
    log_level: str = "INFO"

    @property
    def jobs_dir(self) -> Path:
        """Where the process launcher keeps what it knows."""
        return self.state_dir / "jobs"


def launcher_from_settings(settings: LauncherSettings | None = None, kafka: KafkaSettings | None = None) -> Launcher:
    """Return the launcher that the settings name; raises SettingsError for one that does not exist here.

    Making one starts nothing and may be done for reading logs only; ``observe`` belongs to the controller alone.
    """
    settings = settings or LauncherSettings()
    kafka = kafka or KafkaSettings()
    if settings.launcher != "process":
        raise SettingsError(
            f"KML_LAUNCHER={settings.launcher!r} is not a launcher of this version: expected 'process'",
            hint="unset KML_LAUNCHER to run workers as processes of this machine",
        )
    return ProcessLauncher(
        settings.jobs_dir,
        base_env={
            **kafka.to_env(),
            "KML_STATE_DIR": str(settings.state_dir),
            "KML_ISOLATION": settings.isolation,
            "KML_LOG_LEVEL": settings.log_level,
        },
        preload=_PRELOADED if settings.warm_workers else (),
        grace_seconds=settings.worker_grace_seconds,
    )


def autoscaling_obstacle(settings: LauncherSettings | None = None) -> str:
    """Return why inferences cannot be scaled on their lag with these settings; empty when they can."""
    settings = settings or LauncherSettings()
    if settings.launcher != "kubernetes":
        return "workers are processes of this machine (KML_LAUNCHER is not kubernetes)"
    from backend.launchers.kubernetes.settings import KubernetesSettings

    return "" if KubernetesSettings().keda else "KEDA is not in use (KML_KUBERNETES_KEDA is off)"

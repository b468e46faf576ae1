"""The one place that chooses between the launchers: for the controller, and what the API may know of the choice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.launchers.base import Launcher
from backend.launchers.log_folders import LogFolders, LogReader
from backend.launchers.process import ProcessLauncher
from kafkaml.settings import KafkaSettings, default_state_dir
from kafkaml.worker_settings import worker_environment

if TYPE_CHECKING:
    from backend.launchers.kubernetes.settings import KubernetesSettings

__all__ = [
    "PRELOADED",
    "LauncherSettings",
    "autoscaling_obstacle",
    "kubernetes_launcher",
    "launcher_from_settings",
    "logs_from_settings",
    "worker_image",
    "workers_namespace",
]

# Packages that every runner imports. The warm server imports them once and forks the runners from there.
PRELOADED = ("kafkaml.confluent", "kafkaml.job_client", "model_training", "model_inference")


class LauncherSettings(BaseSettings):
    """Where and how workers run (prefix ``KML_``)."""

    model_config = SettingsConfigDict(env_prefix="KML_", extra="ignore", frozen=True)

    launcher: Literal["process", "kubernetes"] = Field("process", description="process (on this machine) or kubernetes")
    state_dir: Path = Field(default_factory=default_state_dir)
    warm_workers: bool = Field(True, description="fork workers from a process that has their modules imported")
    worker_grace_seconds: float = Field(
        20.0, gt=0, description="between SIGTERM and SIGKILL; a training without end has 120 s at least"
    )

    @property
    def jobs_dir(self) -> Path:
        """The folder in which the process launcher keeps its state."""
        return self.state_dir / "jobs"

    @property
    def logs_dir(self) -> Path:
        """The folder with the logs of workers, which has one folder per run."""
        return self.state_dir / "jobs-logs" if self.launcher == "kubernetes" else self.jobs_dir

    @property
    def other_logs_dir(self) -> Path:
        """The folder with the logs of workers in other clusters: it has one folder per cluster, and in that one per
        run.
        """
        return self.state_dir / "cluster-logs"


def launcher_from_settings(
    settings: LauncherSettings | None = None, kafka: KafkaSettings | None = None, *, backend_url: str = ""
) -> Launcher:
    """Return the launcher that the settings name, for the controller: no other process may start, stop or
    observe work.

    ``backend_url`` is where workers of this machine reach the API now; workers that survived a restart of the platform
    get the new address too.
    """
    settings = settings or LauncherSettings()
    base_env = worker_environment(kafka or KafkaSettings())
    if settings.launcher == "kubernetes":
        from backend.launchers.kubernetes.settings import KubernetesSettings

        return kubernetes_launcher(KubernetesSettings(), base_env, settings.logs_dir)
    return ProcessLauncher(
        settings.jobs_dir,
        base_env={
            **base_env,
            "KML_STATE_DIR": str(settings.state_dir),
            **({"KML_JOB_BACKEND_URL": backend_url} if backend_url else {}),
        },
        preload=PRELOADED if settings.warm_workers else (),
        grace_seconds=settings.worker_grace_seconds,
    )


def kubernetes_launcher(settings: KubernetesSettings, base_env: Mapping[str, str], logs_dir: Path) -> Launcher:
    """Return the launcher of one cluster, the platform's own or another."""
    # Import late, because only cluster launchers need the client.
    from backend.launchers.kubernetes.api import KubernetesApi
    from backend.launchers.kubernetes.launcher import KubernetesLauncher

    return KubernetesLauncher(api=KubernetesApi(settings), settings=settings, base_env=base_env, logs_dir=logs_dir)


def logs_from_settings(settings: LauncherSettings | None = None) -> LogReader:
    """Return what reads the logs of workers, without a launcher and without a cluster to ask."""
    settings = settings or LauncherSettings()
    return LogFolders(settings.logs_dir, settings.other_logs_dir)


def autoscaling_obstacle(settings: LauncherSettings | None = None) -> str:
    """Return why inferences cannot be scaled on their lag with these settings; empty when they can."""
    settings = settings or LauncherSettings()
    if settings.launcher != "kubernetes":
        return "workers are processes of this machine (KML_LAUNCHER is not kubernetes)"
    from backend.launchers.kubernetes.settings import KubernetesSettings

    return "" if KubernetesSettings().keda else "KEDA is not in use (KML_KUBERNETES_KEDA is off)"


def worker_image(component: str) -> str:
    """Return the name of an image that runs workers, as tagged by the build of this platform's images."""
    from backend.launchers.kubernetes.settings import KubernetesSettings

    in_cluster = LauncherSettings().launcher == "kubernetes"
    pattern: str = KubernetesSettings().image if in_cluster else KubernetesSettings.model_fields["image"].default
    return pattern.replace("{component}", component)


def workers_namespace(settings: LauncherSettings | None = None) -> str:
    """Return the namespace that workers run in; empty where they are processes of this machine."""
    if (settings or LauncherSettings()).launcher != "kubernetes":
        return ""
    from backend.launchers.kubernetes.settings import KubernetesSettings

    return KubernetesSettings().namespace

"""``python -m model_training``: one attempt at one training, started by a launcher; ``KML_JOB_*`` say which.

Everything is wired here. Only here do errors become a Failure and an exit code (``kafkaml.wire.state.WorkerExit``).
Logs go to standard output, which the launcher keeps. They hold our lines and the output of the user's code, marked
``model``.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kafkaml.confluent import KafkaRecordReader
from kafkaml.errors import ApiError
from kafkaml.failures import failure_of
from kafkaml.garbage import collect_garbage_seldom
from kafkaml.http_reporter import HttpReporter
from kafkaml.job_client import Heartbeat, JobClient
from kafkaml.logs import configure_logs, get_logger, log_context
from kafkaml.prometheus import MetricsServer, ProcessMetrics
from kafkaml.reporter import ResultReporter
from kafkaml.settings import KafkaSettings
from kafkaml.wire.job import TrainingJob
from kafkaml.wire.state import WorkerExit
from kafkaml.wire.training import TrainingPlan
from kafkaml.worker_settings import TrainingSettings
from mlcode_executor.process import ModelProcess
from model_training.context import RunContext
from model_training.interrupts import Interrupted, Interrupts
from model_training.modes import MODES
from model_training.output_log import OutputLog
from model_training.part import NothingServable
from model_training.prometheus import TrainingMetrics
from model_training.training_data import TrainingData

logger = get_logger(__name__)

# Answers of the backend that mean that this attempt is no longer wanted.
_SUPERSEDED_STATUS = frozenset({404, 409, 410})
# Answers after which reporting a failure would fail too, because the backend is unavailable or does not know us.
_UNTELLABLE_STATUS = _SUPERSEDED_STATUS | {0, 401, 403, 500, 502, 503, 504}


# How long to ask the backend who wanted a SIGTERM, because a SIGKILL follows.
_ASKING_SECONDS = 5.0


def main() -> WorkerExit:
    """Run the job that the environment describes; returns the process's exit code."""
    configure_logs("training")
    collect_garbage_seldom()
    job = TrainingJob.from_env(os.environ)
    interrupts, metrics = Interrupts(), TrainingMetrics(attempt=job.attempt)
    with (
        log_context(result=job.result_id, attempt=job.attempt),
        JobClient(job) as client,
        HttpReporter(client, on_final=interrupts.end, on_progress=metrics.of(job.result_id)) as reporter,
        Heartbeat(client, on_final=interrupts.end),
        MetricsServer(ProcessMetrics(job.name, [metrics]), state_dir=Path(job.state_dir)),
    ):
        try:
            with interrupts:
                return _attempt(job, client, reporter, interrupts, metrics)
        except Interrupted as interrupted:
            return _ended_from_outside(interrupted.error)


def _attempt(
    job: TrainingJob, client: JobClient, reporter: ResultReporter, interrupts: Interrupts, metrics: TrainingMetrics
) -> WorkerExit:
    try:
        plan = client.training_plan()
        with log_context(deployment=plan.deployment_id, model=plan.model_name):
            _train(job, plan, client, reporter, interrupts, metrics)
    except ApiError as error:
        if error.status in _UNTELLABLE_STATUS:
            return _ended_from_outside(error)
        return _report(error, reporter)
    except Exception as error:  # noqa: BLE001 - the outermost call: reports, and decides the exit code
        return _report(error, reporter)
    return WorkerExit.FINISHED


def _train(
    job: TrainingJob,
    plan: TrainingPlan,
    client: JobClient,
    reporter: ResultReporter,
    interrupts: Interrupts,
    metrics: TrainingMetrics,
) -> None:
    logger.info("training starts", framework=str(plan.framework), stream=str(plan.stream.to_json()["topic"]))
    state_dir, kafka = Path(job.state_dir), KafkaSettings()
    with _scratch_folder(state_dir, job) as scratch, ExitStack() as stack:
        reporters = {plan.model_name: reporter}
        for part_plan in plan.chain:
            if part_plan.result_id != plan.result_id:
                other = HttpReporter(
                    client.of_result(part_plan.result_id),
                    on_final=interrupts.end,
                    on_progress=metrics.of(part_plan.result_id),
                )
                reporters[part_plan.model_name] = stack.enter_context(other)

        def open_reader() -> KafkaRecordReader:
            return KafkaRecordReader(kafka)

        context = RunContext(
            plan=plan,
            reporters=reporters,
            read_slice=lambda on_progress: TrainingData.read(
                plan,
                open_reader=open_reader,
                cache_dir=state_dir / "slices",
                on_progress=on_progress,
            ),
            open_reader=open_reader,
            start_process=lambda wanted: _model_process(job, wanted),
            scratch=scratch,
            interrupts=interrupts,
            stop_asked=lambda: _stop_asked(client),
            fetch_checkpoint=lambda checkpoint: client.download_checkpoint(checkpoint, scratch / "checkpoint"),
            checkpoint_seconds=TrainingSettings().checkpoint_seconds,
        )
        for part in MODES[plan.mode].run(context):
            outcome = part.outcome
            with log_context(model=part.model):
                logger.info("training finished", seconds=round(outcome.seconds, 3), **dict(outcome.test_metrics))


def _stop_asked(client: JobClient) -> bool:
    """Return whether a user stopped the training. An unreachable backend counts as no, because it will start another
    attempt.
    """
    try:
        return client.training_plan(deadline_seconds=_ASKING_SECONDS).stop_asked
    except ApiError as error:
        logger.warning("the backend cannot be asked who stopped this attempt", error=error.message)
        return False


@contextmanager
def _model_process(job: TrainingJob, plan: TrainingPlan) -> Iterator[ModelProcess]:
    settings = TrainingSettings()
    output = OutputLog()
    with ModelProcess.start(
        plan.framework,
        plan.limits,
        fork_server=job.fork_server,
        isolation=settings.isolation,
        gpu=plan.gpu,
        start_timeout_seconds=settings.model_start_timeout_seconds,
        on_output=output.write,
    ) as process:
        logger.info("model process started", pid=process.pid, isolation=process.isolation_level)
        yield process
    output.flush()


@contextmanager
def _scratch_folder(state_dir: Path, job: TrainingJob) -> Iterator[Path]:
    """Yield an empty folder for this attempt, after removing what killed attempts left."""
    parent = state_dir / "scratch"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for older in range(1, job.attempt + 1):
        shutil.rmtree(parent / f"training-{job.result_id}-a{older}", ignore_errors=True)
    folder = parent / f"training-{job.result_id}-a{job.attempt}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ended_from_outside(error: ApiError | None) -> WorkerExit:
    if error is None:
        logger.info("stopped")
        return WorkerExit.STOPPED
    if error.status in _SUPERSEDED_STATUS:
        logger.info("ending: a newer attempt exists, or this run was deleted", answer=error.message)
        return WorkerExit.SUPERSEDED
    logger.error("this run's outcome could not be reported to the backend", error=error.message, hint=error.hint)
    traceback.print_exception(error)
    return WorkerExit.FAILURE_NOT_REPORTED


def _report(error: Exception, reporter: ResultReporter) -> WorkerExit:
    lost = error if isinstance(error, NothingServable) else None
    failure = failure_of(error if lost is None else lost.reason)
    logger.error("training failed", exc_info=error, category=str(failure.category), cause=failure.cause)
    try:
        reporter.failed(failure, None if lost is None else lost.outcome)
    except ApiError as refused:
        return _ended_from_outside(refused)
    return WorkerExit.FAILURE_REPORTED


if __name__ == "__main__":
    sys.exit(main())

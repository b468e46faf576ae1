"""One replica, wired: plan, Kafka, model process, loop, statistics. Run by ``__main__``.

Everything here happens before the first record, so it is kept short: Kafka and the model are prepared in parallel, and
the group is joined after every batch size of the model has been run once.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from kafkaml.codecs import Codec, codec_for
from kafkaml.codecs.base import KeyedState
from kafkaml.codecs.columns import ColumnsCodec
from kafkaml.confluent import KafkaAdmin, KafkaChangelog, KafkaLoopClient
from kafkaml.confluent.config import RecordSizes
from kafkaml.daemon_thread import in_daemon_thread
from kafkaml.errors import ApiError, BrokenError, BrokerError, KafkaMLError, RefusedError
from kafkaml.failures import failure_of
from kafkaml.garbage import collect_garbage_seldom
from kafkaml.input_format import InputFormat
from kafkaml.job_client import Heartbeat, JobClient
from kafkaml.log_copy import LogCopy
from kafkaml.logs import get_logger, log_context
from kafkaml.prometheus import MetricsServer, ProcessMetrics
from kafkaml.retry import retried
from kafkaml.settings import KafkaSettings
from kafkaml.wire.choices import DeliveryGuarantee
from kafkaml.wire.distributed import Cascade
from kafkaml.wire.failure import Failure
from kafkaml.wire.inference import MAX_INCLUDED_BYTES, ChallengeKind, Challenger, InferencePlan, ServedModel
from kafkaml.wire.job import InferenceJob
from kafkaml.wire.replica import SwapFailure
from kafkaml.wire.state import WorkerExit
from kafkaml.worker_settings import InferenceSettings
from mlcode_executor.warming import BUCKETS
from model_inference.changelog import Changelog, make_changelog
from model_inference.engine import EngineStarter, check_installed, choose_engine
from model_inference.loop import InferenceLoop, Models
from model_inference.models import LoadedModel
from model_inference.predicting import Outputs, RecoveringPredictor, SampleSpec
from model_inference.prometheus import ReplicaMetrics
from model_inference.publishing import Publisher
from model_inference.replica_topics import ReplicaTopics
from model_inference.room import check_room, free_bytes
from model_inference.routing import CascadeRouter, OutputRouter
from model_inference.stats import CountsFile, LoopStats, StatsReporter
from model_inference.swap_news import SwapNews
from model_inference.swapping import Swapper, check_outputs
from model_inference.tracing import Tracing

__all__ = ["StopSignal", "Stopped", "serve"]

logger = get_logger(__name__)

T = TypeVar("T")

# Answers of the backend that mean that this attempt is no longer wanted. A token that expired while the backend was
# unavailable (401) is not one of them, and the replica continues to predict.
_SUPERSEDED_STATUS = frozenset({403, 404, 409, 410})
_FAILURE_REPORT_SECONDS = 30.0
# How long to wait for the state of keys, in addition to the longest transaction.
_STATE_SECONDS = 45.0


class Stopped(BaseException):
    """The replica was asked to end before it served. A BaseException, because no ``except Exception`` may keep it
    alive.
    """


class StopSignal:
    """A stop by SIGTERM, SIGINT or the backend. It sets a flag while serving; before that it raises, wherever the code
    waits.
    """

    def __init__(self) -> None:
        self.superseded = False
        # The backend's last answer when it no longer wanted this attempt.
        self.reason: ApiError | None = None
        # Whether this attempt has ended. Its threads may still run, and must not end the next attempt.
        self.over = False
        self._asked = False
        self._serving = False

    def install(self) -> None:
        """Take over the signals; called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def asked(self) -> bool:
        """Whether to stop."""
        return self._asked

    def serving(self) -> None:
        """Note that serving begins: from now on the serving loop polls the flag itself and ends in order."""
        self._serving = True
        if self._asked:
            raise Stopped

    def on_final(self, error: ApiError) -> None:
        """End because the backend no longer knows this attempt; called from any thread."""
        if error.status in _SUPERSEDED_STATUS and not self.over:
            logger.warning("this attempt is over", reason=error.message)
            self.superseded, self.reason = True, error
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        first, self._asked = not self._asked, True
        if first and not self._serving:
            raise Stopped


def serve(
    job: InferenceJob,
    stop: StopSignal,
    *,
    settings: InferenceSettings,
    kafka: KafkaSettings,
    backend: JobClient | None = None,
    log: LogCopy | None = None,
    on_failure: Callable[[Failure], None] = lambda _failure: None,
) -> WorkerExit:
    """Answer records until stopped; returns the process's exit code. Raises only Stopped.

    A worker elsewhere has a ``backend`` of its own, sends its ``log`` along, and gets failures by ``on_failure``.
    """
    stats, news = LoopStats(), SwapNews()
    with (
        backend or JobClient(job, deadline_seconds=math.inf) as backend,
        Heartbeat(backend, on_final=stop.on_final),
        StatsReporter(backend, stats, replica=job.replica, news=news, on_final=stop.on_final, log=log) as reporter,
        MetricsServer(
            ProcessMetrics(
                f"{job.name}-{job.replica}",
                [ReplicaMetrics(stats, news, inference=job.inference_id, replica=job.replica)],
            ),
            state_dir=Path(job.state_dir),
        ),
    ):
        try:
            plan = backend.inference_plan()
            with log_context(inference=plan.inference_id, replica=job.replica):
                _Replica(job, plan, backend, settings, kafka).run(stop, stats, reporter, news)
        except ApiError as error:
            logger.error("the backend refuses this replica", reason=error.message)
            stop.reason = error
            return WorkerExit.SUPERSEDED if error.status in _SUPERSEDED_STATUS else WorkerExit.FAILURE_NOT_REPORTED
        except Exception as error:
            failure = failure_of(error)
            logger.exception("the replica failed", cause=failure.cause, hint=failure.hint)
            on_failure(failure)
            reported = reporter.failed(failure, deadline_seconds=_FAILURE_REPORT_SECONDS)
            return WorkerExit.FAILURE_REPORTED if reported else WorkerExit.FAILURE_NOT_REPORTED
    return WorkerExit.SUPERSEDED if stop.superseded else WorkerExit.FINISHED


class _Replica:
    """The parts of one replica, in the order in which they start."""

    def __init__(
        self,
        job: InferenceJob,
        plan: InferencePlan,
        backend: JobClient,
        settings: InferenceSettings,
        kafka: KafkaSettings,
    ) -> None:
        self._job = job
        self._plan = plan
        self._backend = backend
        self._settings = settings
        self._kafka = kafka
        self._router = _router(plan)
        self._topics = ReplicaTopics(
            plan, kafka, upper_topic=self._router.upper_topic, max_answer_bytes=settings.max_answer_bytes
        )
        # The obstacle to reaching Kafka at the start; later the client reports what it waits for.
        self._waits_for = ""
        self._client: KafkaLoopClient | None = None
        self._tracing: Tracing | None = None
        # What the codec keeps of each key; None where each record stands alone.
        self._state: KeyedState | None = None
        self._over = False

    def run(self, stop: StopSignal, stats: LoopStats, reporter: StatsReporter, news: SwapNews) -> None:
        """Get ready, join the group, and answer records until ``stop``."""
        reporter.warnings = self._warnings
        self._tracing = Tracing.from_environment(inference=self._plan.inference_id, group=self._plan.group)
        codecs = codec_for(self._plan.input_format, self._input_config())
        codec = codecs.features
        self._state = codec.state
        connecting = in_daemon_thread(partial(self._connect, stop), name="preparation")
        with ExitStack() as undo:
            undo.callback(self._let_go, connecting)
            if self._tracing is not None:
                undo.enter_context(self._tracing)
            first = self._model(self._plan.model)
            undo.callback(first.close)
            counts = CountsFile(self._counts_path(), reporter.run)
            stats.keep, reporter.previous, reporter.on_last_heard = counts.write, counts.previous, counts.remove
            if codec.sample_shape is not None:
                first.predictor.prepare(SampleSpec(codec.dtype, codec.sample_shape))
            found = self._challenger(first)
            challenger = found if isinstance(found, tuple) else None
            if challenger is not None:
                undo.callback(challenger[1].close)
            client = self._client = connecting.result()
            undo.callback(client.close)
            self._topics.enlarge()
            collect_garbage_seldom()
            swapper = Swapper(
                first,
                revision=self._plan.revision,
                news=news,
                fetch_plan=self._backend.inference_plan,
                load=self._load_beside,
                keep_warm_seconds=self._settings.keep_warm_seconds,
                challenger=challenger,
                labels=codecs.labels,
                cascade=self._plan.cascade,
                on_cascade=partial(self._decide_by, stats),
                include=self._plan.include,
                on_include=partial(_include, codec),
            )
            if isinstance(found, SwapFailure):
                news.failed(found)
            if self._plan.cascade is not None:
                stats.decides_by(self._plan.cascade.limit)
            loop = self._loop(client, codec, swapper, stats, reporter, stop)
            stop.serving()
            topics = {"topic": self._plan.input_topic, "output": self._plan.output_topic}
            logger.info("serving", **topics, process=os.getpid())
            with self._topics.watch, swapper:
                loop.run(stop.asked)

    def _loop(
        self,
        client: KafkaLoopClient,
        codec: Codec,
        models: Models,
        stats: LoopStats,
        reporter: StatsReporter,
        stop: StopSignal,
    ) -> InferenceLoop:
        most = self._settings.max_batch
        publisher = Publisher(client, router=self._router, topics=self._topics.outputs, tracing=self._tracing)
        return InferenceLoop(
            client=client,
            codec=codec,
            models=models,
            publisher=publisher,
            stats=stats,
            batch_sizes=(*(size for size in BUCKETS if size < most), most),
            commit_seconds=self._settings.commit_seconds,
            changelog=self._changelog(client, stop),
            on_ready=reporter.running,
        )

    def _changelog(self, client: KafkaLoopClient, stop: StopSignal) -> Changelog | None:
        if self._state is None:
            return None
        topic = self._plan.changelog_topic
        # A dead replica's transaction is ended after the transaction time-out, and Kafka reports that a little later.
        patience = self._settings.transaction_timeout_seconds + _STATE_SECONDS
        stored = KafkaChangelog(self._kafka, topic, timeout_seconds=patience, gives_up=stop.asked)
        return Changelog(self._state, client, topic=topic, read=stored.read, gives_up=stop.asked)

    def _decide_by(self, stats: LoopStats, cascade: Cascade) -> None:
        """Let another limit decide, with nothing in flight; called by the loop."""
        assert isinstance(self._router, CascadeRouter), "a tier has a limit for all of an attempt, or never"
        self._router.follow(cascade)
        stats.decides_by(cascade.limit)

    def _input_config(self) -> Mapping[str, Any]:
        return {**self._plan.input_config, **({"include": self._plan.include} if self._plan.include else {})}

    def _challenger(self, first: LoadedModel) -> tuple[Challenger, LoadedModel] | SwapFailure | None:
        """Load the challenger before anything is answered, so that it answers its keys from the first record on.

        Returns why a canary cannot be loaded; the champion then answers its keys.
        """
        terms = self._plan.challenger
        if terms is None:
            return None
        try:
            loaded = self._load_beside(terms.model, first)
            check_outputs(first, loaded)
        except KafkaMLError as error:
            if terms.kind is ChallengeKind.SHADOW:
                raise
            logger.exception("the challenger cannot be loaded", version=terms.model.version)
            return SwapFailure(revision=self._plan.revision, version=terms.model.version, failure=failure_of(error))
        return terms, loaded

    def _load_beside(self, model: ServedModel, beside: LoadedModel) -> LoadedModel:
        """Load a model for the samples that ``beside`` gets; raises the reason when it cannot serve them, or not on
        this machine.
        """
        check_room(beside.predictor.resident_bytes, free_bytes())
        loaded = self._model(model)
        if beside.predictor.spec is not None:
            loaded.predictor.prepare(beside.predictor.spec)
        return loaded

    def _model(self, model: ServedModel) -> LoadedModel:
        """Fetch a model; its process is started once the form of a sample is known."""
        predictor = RecoveringPredictor(self._engine_starter(model), on_outputs=self._expect)
        return LoadedModel.of(self._plan.inference_id, model, predictor, tier=self._plan.tier)

    def _engine_starter(self, model: ServedModel) -> EngineStarter:
        settings = self._settings
        choice = choose_engine(model)
        check_installed(model, choice)
        path = self._backend.download_artifact(choice.artifact, model.artifacts[choice.artifact], version=model.version)
        return EngineStarter(
            model,
            choice,
            path,
            limits=self._plan.limits,
            gpu=self._plan.gpu,
            fork_server=Path(self._job.state_dir) / "run" / f"fork-{choice.runtime.value}.sock",
            isolation=settings.isolation,
            start_timeout_seconds=settings.model_start_timeout_seconds,
            max_batch=settings.max_batch,
            batch_timeout_seconds=settings.batch_timeout_seconds,
        )

    def _counts_path(self) -> Path:
        # The file is named after the group, which is unique even for an inference with the same number after the
        # database was recreated.
        return Path(self._job.state_dir) / "run" / "counts" / f"{self._plan.group}.{self._job.replica}"

    def _warnings(self) -> list[str]:
        """Return present warnings for the people who run the inference."""
        waits_for = self._waits_for if self._client is None else self._client.waits_for
        warnings = self._topics.outputs.warnings()
        return [f"waiting: {waits_for}", *warnings] if waits_for else warnings

    def _connect(self, stop: StopSignal) -> KafkaLoopClient:
        """Wait for Kafka, create the topics that are missing, and fence what a dead predecessor left open.

        The group is joined later, by the first poll.
        """

        def connect() -> KafkaLoopClient:
            if self._over:
                raise BrokenError("the replica ended before Kafka was reached")
            try:
                self._create_topics()
                self._topics.watch.look()
                client = self._loop_client(stop)
            except BrokerError as error:
                self._waits_for = f"Kafka at {self._topics.asked}: {error.message}"
                raise
            self._waits_for = ""
            return client

        return retried(connect, deadline_seconds=math.inf)

    def _let_go(self, connecting: Future[KafkaLoopClient]) -> None:
        """Stop connecting, and close unused connections.

        A worker elsewhere continues in this process, where a late connection would fence its next replica.
        """
        self._over = True

        def close(done: Future[KafkaLoopClient]) -> None:
            if self._client is None and done.exception() is None:
                with suppress(BrokerError):
                    done.result().close()

        connecting.add_done_callback(close)

    def _create_topics(self) -> None:
        partitions, plan = self._topics.create(), self._plan
        if self._state is not None:
            if plan.guarantee is not DeliveryGuarantee.EXACTLY_ONCE:
                raise RefusedError(
                    "samples are made of several records of a key, which is kept exactly once or not at all: expected "
                    "output topics on the cluster of the input",
                    hint="leave output_bootstrap_servers and upper_bootstrap_servers out",
                )
            make_changelog(KafkaAdmin(self._kafka), plan.changelog_topic, partitions, self._state)

    def _expect(self, outputs: Outputs) -> None:
        """Note what the model answers, as soon as it is known."""
        self._topics.expect(self._router.record_bytes(outputs))

    def _transactional_id(self) -> str:
        """A name that is the same for the next process of this replica on this machine (or in this pod), so that it
        fences this one.

        The host distinguishes replicas of other machines; the group fences transactions of a replica that moved.
        """
        return f"{self._plan.group}.{self._job.replica}.{socket.gethostname()}"

    def _loop_client(self, stop: StopSignal) -> KafkaLoopClient:
        plan, settings = self._plan, self._settings
        sizes = RecordSizes(settings.max_answer_bytes, self._topics.outputs.smallest_max_bytes)
        if plan.guarantee is DeliveryGuarantee.AT_LEAST_ONCE:
            return KafkaLoopClient.at_least_once(
                self._kafka,
                topics=[plan.input_topic],
                group=plan.group,
                outputs=self._topics.by_cluster,
                session_timeout_seconds=settings.session_timeout_seconds,
                sizes=sizes,
                gives_up=stop.asked,
            )
        return KafkaLoopClient.exactly_once(
            self._kafka,
            topics=[plan.input_topic],
            group=plan.group,
            transactional_id=self._transactional_id(),
            transaction_timeout_seconds=settings.transaction_timeout_seconds,
            request_timeout_seconds=settings.transaction_timeout_seconds,
            session_timeout_seconds=settings.session_timeout_seconds,
            sizes=sizes,
        )


def _include(codec: Codec, names: Sequence[str]) -> None:
    """Let answers carry something else of their records, with nothing in flight; called by the loop."""
    assert isinstance(codec, ColumnsCodec), "only records of a data set have names that answers could carry"
    codec.include(names)


def _router(plan: InferencePlan) -> OutputRouter | CascadeRouter:
    if plan.cascade is not None:
        return CascadeRouter(plan.output_topic, plan.cascade)
    # Answers are checked as if they carried as much as possible, because what they carry may change at any time.
    included = MAX_INCLUDED_BYTES if plan.input_format == InputFormat.COLUMNS else 0
    return OutputRouter(plan.output_topic, tier=bool(plan.tier), included_bytes=included, classes=plan.model.classes)

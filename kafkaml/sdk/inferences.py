"""``client.inferences``: trained models that answer on topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kafkaml.answers import class_names
from kafkaml.dead_letters import dead_letter_topic
from kafkaml.errors import DeadLettered, FailedError, RefusedError
from kafkaml.sdk import types
from kafkaml.sdk.connection import Connection
from kafkaml.sdk.runs import Runs
from kafkaml.sdk.waiting import wait_until
from kafkaml.settings import KafkaSettings

if TYPE_CHECKING:
    from kafkaml.sdk.predictions import Prediction, Samples

__all__ = ["Inferences"]

# Minimum time for requests to Kafka, even if the wait for answers is shorter.
_LEAST_KAFKA_SECONDS = 10.0


class Inferences(Runs[types.Inference]):
    """Trained models that answer on topics. It has over 300 lines because each request of the API is a method of it."""

    path = "/inferences/"
    kind = types.Inference
    topic = "inferences"

    def __init__(self, connection: Connection, kafka_settings: Callable[[], KafkaSettings]) -> None:
        super().__init__(connection)
        self._kafka_settings = kafka_settings

    def restart(self, identifier: int) -> None:
        """Start an inference again where it stopped reading."""
        self._act(identifier, "restart")

    def create(
        self,
        *,
        result: int,
        version: int | None = None,
        input_topic: str,
        output_topic: str,
        start: str | None = None,
        replicas: int = 1,
        max_replicas: int | None = None,
        input_format: str | None = None,
        input_config: Mapping[str, object] | None = None,
        include: Sequence[str] | None = None,
        output_bootstrap_servers: str | None = None,
        output_timestamps: str | None = None,
        limit: float | None = None,
        upper_topic: str | None = None,
        upper_bootstrap_servers: str | None = None,
        gpu: int | None = None,
        cluster: int | None = None,
        visualization: Mapping[str, object] | None = None,
    ) -> types.Inference:
        """Serve a trained result; the format is the training stream's unless given.

        The inference serves ``version``. Without ``version`` it serves the current one, and changes over whenever
        another version becomes current. With ``replicas=0`` the platform launches none, and machines with a worker
        token serve (``create_worker_token``). With ``max_replicas`` the lag chooses between ``replicas`` and that
        number. ``cluster`` is the id of another cluster (``client.clusters.names()``); None is the platform's own.
        Answers carry their record's time where the output topic accepts and keeps it. With
        ``output_timestamps="written"`` they carry the time of their writing.

        Reading begins with the topic's first record, or where ``start`` says: ``"now"``, an offset of every partition
        (``"1200"``) or a time (``"2026-01-31T12:30:00Z"``). After a restart it continues where it stopped.

        Answers carry the values of their record that ``include`` names, unchanged. Names are columns and fields of the
        contract of the data set that trained the result, other fields of its records, and ``_key``, ``_timestamp``,
        ``_partition``, ``_offset`` and ``_headers.NAME``: ``["machine", "_timestamp"]``.

        A tier of a distributed model hands the samples of which it is less sure than ``limit`` (above 1/classes, at
        most 1) to ``upper_topic``, the input of the next tier, and answers the rest. Without both arguments it answers
        everything.
        """
        return self._create(locals())

    def check(
        self,
        *,
        result: int,
        input_topic: str,
        version: int | None = None,
        input_format: str | None = None,
        input_config: Mapping[str, object] | None = None,
        include: Sequence[str] | None = None,
    ) -> types.InputCheck:
        """Say whether a model could answer the newest record of a topic, before it serves; see ``create``.

        The record is read as a replica would read it, and nothing is written or started.
        """
        fields = {name: value for name, value in locals().items() if name != "self" and value is not None}
        return types.InputCheck.model_validate(self._connection.request("POST", f"{self.path}check/", body=fields))

    def propose_chain(self, result: int, *, prefix: str | None = None, joining: bool = False) -> types.ChainReport:
        """Return unused topics, whose names begin with ``prefix``, and limits for the chain that a trained result is
        part of.

        With ``joining``, tiers that are already served keep their topics, and the other tiers get topics that fit them.

        Each limit is the one that sends up the fewest samples at nearly the best accuracy, judged by the samples that
        the training held out. ``client.results.exits`` shows all other limits.
        """
        params = {"result": result, "prefix": prefix, "joining": joining or None}
        return types.ChainReport.model_validate(self._connection.request("GET", "/chains/", params=params))

    def create_chain(
        self,
        *,
        result: int,
        version: int | None = None,
        prefix: str | None = None,
        input_topic: str | None = None,
        output_topic: str | None = None,
        start: str | None = None,
        input_format: str | None = None,
        input_config: Mapping[str, object] | None = None,
        tiers: Sequence[Mapping[str, object]] = (),
    ) -> list[types.Inference]:
        """Serve all sub-models of the chain that ``result`` is part of, or none; return their inferences from below.

        What is left out is as ``propose_chain`` proposes it. ``start`` is where the lowest tier begins to read, as in
        ``create``; the tiers above read everything that is handed up to them. ``tiers`` are fields of inferences for
        the tiers that are to differ: ``{"result": ..., "limit": 0.8, "replicas": 2, "upper_topic": ...}``.
        """
        fields = {name: value for name, value in locals().items() if name != "self" and value is not None}
        answer = self._connection.request("POST", "/chains/", body={**fields, "tiers": list(tiers)})
        return [types.Inference.model_validate(inference) for inference in answer["inferences"]]

    def scale(self, identifier: int, replicas: int, *, max_replicas: int | None = None) -> types.Inference:
        """Change the number of replicas. ``max_replicas``: autoscale up to this many replicas; 0 turns it off."""
        most = {} if max_replicas is None else {"max_replicas": max_replicas or None}
        return self._replace(identifier, {"replicas": replicas, **most})

    def set_limit(self, identifier: int, limit: float) -> types.Inference:
        """Change the limit by which a tier decides what it hands up.

        The replicas change over between two transactions, without a restart; ``wait_swapped`` waits for that. Raises
        RefusedError for a limit by which nothing would go up, and for inferences that answer everything themselves.
        """
        return self._replace(identifier, {"limit": limit})

    def set_include(self, identifier: int, include: Sequence[str]) -> types.Inference:
        """Change which columns and fields of their records answers carry; an empty list means none. See ``create``.

        The replicas change over between two transactions, without a restart; ``wait_swapped`` waits for that. Raises
        RefusedError for names that records cannot have, and for inferences whose result was not trained on a data set.
        """
        return self._replace(identifier, {"include": list(include)})

    def swap(self, identifier: int, version: int) -> types.Inference:
        """Serve another version of the result, whichever is current.

        The replicas load it while the present one answers and change over between two transactions, so no record is
        lost, repeated or reordered; ``wait_swapped`` waits for that. Raises RefusedError for a version whose inputs or
        outputs differ.
        """
        return self._changed(identifier, "swap", {"version": version})

    def rollback(self, identifier: int) -> types.Inference:
        """Serve the version before the last change again; replicas keep it warm for ten minutes."""
        return self._changed(identifier, "rollback")

    def follow(self, identifier: int) -> types.Inference:
        """Always serve the result's current version."""
        return self._changed(identifier, "follow")

    def canary(
        self,
        identifier: int,
        version: int,
        *,
        share: float = 0.1,
        labelled: bool = False,
        keyed: bool = False,
        rule: Mapping[str, object] | None = None,
    ) -> types.Inference:
        """Let a version answer a share of the keys, in the same transactions and order. A repeated call changes the
        share.

        ``labelled`` says that keys are the right answers, from which accuracy is computed. With ``keyed`` each key is
        answered by one version only, which is refused for an input without keys. ``rule``: ``{"metric": "agreement" or
        "accuracy", "at_least": ..., "records": ...}`` promotes or drops it automatically.
        """
        body = {"version": version, "share": share, "labelled": labelled, "keyed": keyed, "rule": rule}
        return self._changed(identifier, "canary", body)

    def shadow(
        self,
        identifier: int,
        version: int,
        *,
        output_topic: str | None = None,
        start: str | None = None,
        labelled: bool = False,
        rule: Mapping[str, object] | None = None,
    ) -> types.Inference:
        """Let a version answer the same input into a separate topic; returns the inference that does so.

        The shadow has its own consumer group, which begins with the topic's first record, or where ``start`` says (see
        ``create``). See ``canary`` for ``labelled`` and ``rule``.
        """
        given = {"output_topic": output_topic, "start": start}
        named = {name: value for name, value in given.items() if value is not None}
        return self._changed(identifier, "shadow", {"version": version, "labelled": labelled, "rule": rule, **named})

    def promote(self, identifier: int) -> types.Inference:
        """Serve the challenger from now on; a shadow ends, and the inference that it shadows serves its version."""
        return self._changed(identifier, "promote")

    def drop(self, identifier: int) -> types.Inference:
        """Stop the challenger; a shadow ends."""
        return self._changed(identifier, "drop")

    def wait_swapped(self, identifier: int, *, timeout_seconds: float = 300) -> types.Inference:
        """Wait until all replicas answer with the requested version, and return the inference.

        Raises FailedError when they could not change over to it, DeadlineExceeded when it takes too long.
        """

        def look() -> types.Inference | None:
            inference = self.get(identifier)
            if inference.swap_failure is not None:
                failed = inference.swap_failure
                raise FailedError(
                    f"inference {identifier} stays at version {inference.version}, version {failed.version} cannot be "
                    f"served: {failed.failure.cause}",
                    hint=failed.failure.hint,
                )
            return inference if inference.swapped else None

        what = f"inference {identifier} to be swapped"
        return wait_until(
            look,
            self._connection,
            topic=self.topic,
            number=identifier,
            what=what,
            timeout_seconds=timeout_seconds,
        )

    def swaps(self, identifier: int, *, limit: int = 50, offset: int = 0) -> list[types.SwapReport]:
        """Return the replicas' reports of their swaps, the newest first: positions, times, failures."""
        params = {"limit": limit, "offset": offset}
        page = self._connection.request("GET", f"{self.path}{identifier}/swaps/", params=params)
        return [types.SwapReport.model_validate(report) for report in page["results"]]

    def _changed(self, identifier: int, action: str, body: Mapping[str, object] | None = None) -> types.Inference:
        answer = self._connection.request("POST", f"{self.path}{identifier}/{action}/", body=body)
        return types.Inference.model_validate(answer)

    def set_view(self, identifier: int, view: Mapping[str, object] | None) -> types.Inference:
        """Set how predictions are shown live (``type``, ``labels``, ``average_window``, ...); None removes it."""
        return self._replace(identifier, {"visualization": view})

    def predict(
        self, identifier: int, sample: object, *, shape: Sequence[int] | None = None, timeout_seconds: float = 30.0
    ) -> Prediction:
        """Send one sample through Kafka and return the answer; see ``predict_batch``.

        Raises DeadLettered with the reason when it could not be answered.
        """
        (answer,) = self.predict_batch(identifier, [sample], shape=shape, timeout_seconds=timeout_seconds)
        if isinstance(answer, DeadLettered):
            raise answer
        return answer

    def predict_batch(
        self, identifier: int, samples: Samples, *, shape: Sequence[int] | None = None, timeout_seconds: float = 60.0
    ) -> list[Prediction | DeadLettered]:
        """Send samples through Kafka and return the outcome of each, in their order.

        ``samples`` is an array (samples, *shape), or a sequence of numbers, arrays, (nested) lists, and for JSON and
        Avro dicts; flat ones get ``shape`` where the format says none. They are real records of the input topic, which
        other inferences read as well. Kafka is reached as ``Client.kafka_settings`` says.

        Samples that a tier of a distributed model hands up are answered by the tiers above, if these run on the
        platform's own Kafka. ``Prediction.tier`` names the tier that answered.

        The list has a DeadLettered in place of each sample that became a dead letter. Raises SampleError for samples
        that do not fit (nothing is sent then), RefusedError when the inference does not run, AnswersMissing after
        ``timeout_seconds``, BrokerError when Kafka cannot be reached.
        """
        # Import late, because only predicting needs Kafka's client and the codecs.
        from kafkaml.confluent.exchange import KafkaExchange
        from kafkaml.sdk import predictions

        inference = self.get(identifier)
        values = predictions.encode_samples(inference, samples, shape=shape)
        if inference.state != types.RunState.RUNNING:
            raise RefusedError(
                f"inference {identifier} is {inference.state}: expected a running one, or nobody answers",
                hint=f"kafka-ml inferences {'restart' if inference.state.ended else 'wait'} {identifier}",
            )
        labels = class_names(inference.visualization, self._labels(inference))
        settings = outputs = self._kafka_settings()
        if inference.output_bootstrap_servers:
            outputs = settings.model_copy(update={"bootstrap_servers": inference.output_bootstrap_servers})
        tiers = self._tiers_above(inference)
        answers_in = [tier.output_topic for tier in (inference, *tiers)]
        topics = dict.fromkeys(
            [*answers_in, *map(dead_letter_topic, answers_in), *(tier.input_topic for tier in tiers)]
        )
        with KafkaExchange(
            settings,
            inference.input_topic,
            list(topics),
            output_settings=outputs,
            timeout_seconds=max(_LEAST_KAFKA_SECONDS, timeout_seconds),
        ) as exchange:
            answers = predictions.exchange_samples(
                values, exchange, inference, labels, timeout_seconds=timeout_seconds, tiers=tiers
            )
        if None in answers:
            raise predictions.AnswersMissing.of(identifier, answers, timeout_seconds=timeout_seconds, ask=self.get)
        return [answer for answer in answers if answer is not None]

    def _tiers_above(self, inference: types.Inference) -> list[types.Inference]:
        """Return the running inferences that process what a tier hands up, as far as they are on one cluster."""
        found = [inference]
        while found[-1].upper_topic and not (found[-1].upper_bootstrap_servers or found[-1].output_bootstrap_servers):
            readers = self.list(input_topic=found[-1].upper_topic, state=types.RunState.RUNNING)
            above = next((reader for reader in readers if reader.id not in {known.id for known in found}), None)
            if above is None or above.output_bootstrap_servers:
                break
            found.append(above)
        return found[1:]

    def create_worker_token(
        self, identifier: int, *, name: str = "worker", days: float = 365
    ) -> types.WorkerTokenRecord:
        """Create a token with which machines elsewhere serve an inference; the answer is the only place where it can be
        read.

        Any number of machines may use the token, each under its own name. ``commands`` hold what to type on them.
        """
        answer = self._connection.request(
            "POST", f"{self.path}{identifier}/worker_tokens/", body={"name": name, "days": days}
        )
        return types.WorkerTokenRecord.model_validate(answer)

    def worker_tokens(self, identifier: int) -> Sequence[types.WorkerTokenRecord]:
        """Return the worker tokens of an inference, the newest first."""
        pages = self._connection.pages(f"{self.path}{identifier}/worker_tokens/")
        return [types.WorkerTokenRecord.model_validate(token) for token in pages]

    def revoke_worker_token(self, identifier: int, token: int) -> None:
        """Revoke a worker token by its id. The machines that use it stop at their next report."""
        self._connection.request("DELETE", f"{self.path}{identifier}/worker_tokens/{token}/")

    def _labels(self, inference: types.Inference) -> Sequence[str]:
        result = self._connection.request("GET", f"/results/{inference.result}/")
        outcome = types.TrainingResult.model_validate(result).outcome
        return outcome.labels if outcome else ()

    def try_sample(
        self,
        identifier: int,
        sample: object,
        *,
        shape: Sequence[int] | None = None,
        timeout_seconds: float = 10.0,
        max_values: int | None = None,
    ) -> types.Trial:
        """Send one sample through Kafka and return its answer; ``sample`` is a number, (nested) lists or a dict.

        The sample becomes a real record of the input topic. Waits ``timeout_seconds`` (at most 30) for the answer.
        Returns at most ``max_values`` of its numbers; they are a flat list if some are left out.
        """
        body = {"sample": sample, "shape": shape, "timeout_seconds": timeout_seconds, "max_values": max_values}
        return types.Trial.model_validate(self._connection.request("POST", f"{self.path}{identifier}/try/", body=body))

    def dead_letters(self, identifier: int, *, limit: int = 50, before: str | None = None) -> types.DeadLetters:
        """Return the newest dead letters, or those before the cursor ``before`` of another page."""
        params = {"limit": limit, "before": before}
        return types.DeadLetters.model_validate(
            self._connection.request("GET", f"{self.path}{identifier}/dead_letters/", params=params)
        )

    def history(self, identifier: int, *, step_minutes: int = 1) -> types.ServingHistory:
        """Return how an inference served in the last 24 hours, in steps of 1 to 60 minutes."""
        answer = self._connection.request("GET", f"{self.path}{identifier}/history/", params={"step": step_minutes})
        return types.ServingHistory.model_validate(answer)

    def dead_letter_groups(self, identifier: int) -> types.LetterGroups:
        """Return the newest dead letters by reason, with how many, since when, and one of each."""
        return types.LetterGroups.model_validate(
            self._connection.request("GET", f"{self.path}{identifier}/dead_letters/groups/")
        )

    def replay_dead_letters(
        self, identifier: int, *, positions: Sequence[tuple[int, int]] | None = None
    ) -> Mapping[str, Any]:
        """Send dead letters back to the input topic: those at ``positions`` (partition, offset), or all.

        Returns how many were ``replayed``, and how many were left out and why.
        """
        chosen = [{"partition": partition, "offset": offset} for partition, offset in positions or ()]
        body = {"all": True} if positions is None else {"positions": chosen}
        answer: Mapping[str, Any] = self._connection.request(
            "POST", f"{self.path}{identifier}/dead_letters/replay/", body=body
        )
        return answer

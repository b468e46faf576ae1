"""Users' actions on inferences: create, scale, stop, restart; and creating their topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.errors import InvalidField
from backend.clusters.models import Cluster
from backend.config.environment import environment
from backend.deployments.models import TrainingResult
from backend.inferences.inputs import check_include, guarantee_of, input_values, version_to_serve
from backend.inferences.models import Inference
from backend.inferences.swaps import locked_inference
from backend.inferences.tiers import check_limit, check_tier, exit_of
from backend.inferences.transitions import store_warnings
from backend.launchers.factory import autoscaling_obstacle
from backend.runs.transitions import publish_run
from kafkaml.answers import KAFKA_DEFAULT_RECORD_BYTES, RECORD_OVERHEAD_BYTES, answer_bytes
from kafkaml.dead_letters import dead_letter_topic
from kafkaml.input_format import InputFormat
from kafkaml.starts import Start, StartPlace, parsed_start
from kafkaml.text import counted
from kafkaml.wire.inference import MAX_INCLUDED_BYTES

__all__ = ["TopicAdmin", "create_inference", "ensure_topics", "scale_inference"]


class TopicAdmin(Protocol):
    """The part of Kafka's administration that ``ensure_topics`` uses."""

    def ensure_topic(self, topic: str, *, partitions: int, max_record_bytes: int = 0) -> int:
        """Create ``topic`` when it does not exist; return how many partitions it has. Raises BrokerError.

        ``max_record_bytes`` is the largest record that a new topic accepts; 0 leaves this to the broker.
        """
        ...

    def begin_at(self, group: str, topic: str, start: Start) -> None:
        """Let a group without committed offsets for ``topic`` begin at the given start. Raises BrokerError."""
        ...


def create_inference(*, actor: Actor, result: TrainingResult, version: int | None = None, **values: Any) -> Inference:
    """Create an inference of a result that has a version; the controller starts it.

    The inference serves ``version``; None: whichever is current. Format and its settings default to those of the stream
    that trained the version; for an upper tier, to what the tier below sends.
    """
    with transaction.atomic():
        # Lock the result, which could otherwise be trained again or deleted between the check and the commit.
        locked = TrainingResult.objects.select_for_update(of=("self",)).select_related("current_version")
        result = locked.get(pk=result.pk)
        clusters = {name: values.get(name, "") for name in ("output_bootstrap_servers", "upper_bootstrap_servers")}
        pinned, served = version_to_serve(result, version)
        values = input_values(result, served, values, clusters)
        values["guarantee"] = guarantee_of(*clusters.values())
        check_tier(Inference(result=result, **values), served)
        _check_scale(Inference(**values), changed="max_replicas")
        inference = Inference.objects.create(
            result=result, pinned=pinned, follows=pinned is None, created_by_id=actor.user_id, **values
        )
        record(actor, "create", inference, after=state_hash(inference))
        publish_run(inference, change="created")
    return inference


def scale_inference(inference: Inference, *, actor: Actor, **changes: Any) -> Inference:
    """Change ``replicas``, ``max_replicas``, ``visualization``, ``limit`` or ``include``; the controller starts or ends
    replicas without touching the others, and replicas take another limit or other names between two transactions.
    """
    with transaction.atomic():
        locked = locked_inference(inference)
        before = state_hash(locked)
        if "limit" in changes:
            _check_change_of_limit(locked, changes["limit"])
        if "include" in changes:
            _check_change_of_include(locked, changes["include"])
        for name, value in changes.items():
            setattr(locked, name, value)
        if "replicas" in changes or "max_replicas" in changes:
            changed = "max_replicas" if "max_replicas" in changes else "replicas"
            _check_scale(locked, changed=changed)
        locked.save()
        detail = ", ".join(_change_text(name, value) for name, value in sorted(changes.items()))
        record(actor, "change", locked, before=before, after=state_hash(locked), detail=detail)
        publish_run(locked)
    return locked


def _change_text(name: str, value: Any) -> str:
    if name == "limit":
        return f"limit {value:g}"
    return f"include {', '.join(value) or 'nothing'}" if name == "include" else name


def _check_change_of_include(inference: Inference, include: Sequence[str]) -> None:
    """Increase the revision of the locked row for other names. Raises InvalidField if answers cannot carry them."""
    about = {name: getattr(inference, name) for name in ("input_format", "input_config", "upper_topic")}
    check_include({**about, "include": include})
    if list(include) != inference.include:
        inference.revision += 1


def _check_change_of_limit(inference: Inference, limit: float) -> None:
    """Increase the revision of the locked row for another limit. Raises InvalidField for an impossible one."""
    if inference.limit is None:
        raise InvalidField(
            "limit",
            f"inference {inference.pk} answers everything itself: expected one that was made with an upper topic",
            hint="make one with limit and upper_topic",
        )
    check_limit(limit, inference.served)
    if limit != inference.limit:
        inference.revision += 1


def _check_scale(inference: Inference, *, changed: str) -> None:
    """Refuse bounds between which replicas cannot scale; an error names the field ``changed``."""
    least, most = inference.replicas, inference.max_replicas
    if most is None:
        return
    if not least:
        raise InvalidField(
            changed,
            "with 0 replicas nothing is launched that could be scaled: workers elsewhere serve",
            hint="leave max_replicas out, or choose at least 1 replica",
        )
    if most < least:
        raise InvalidField(
            changed,
            f"at most {most} replicas, but at least {least}: expected max_replicas not below replicas",
            hint="raise max_replicas, or set it to null to keep a fixed number",
        )
    if obstacle := _scaling_obstacle(inference.cluster):
        raise InvalidField(
            changed,
            f"inferences are not scaled on their lag here: {obstacle}",
            hint="leave max_replicas out and choose replicas yourself",
        )


def _scaling_obstacle(cluster: Cluster | None) -> str:
    if cluster is None:
        return autoscaling_obstacle()
    return "" if cluster.keda else f"KEDA is not in use in cluster {cluster.name}"


def ensure_topics(inference: Inference, admin_of: Callable[[str], TopicAdmin]) -> None:
    """Create the topics of an inference that do not exist, and note a warning when replicas will have nothing to do.

    Called by the controller before it launches. ``admin_of`` returns the one of a cluster, "" is our own.
    """
    admin, output_admin = admin_of(""), admin_of(inference.output_bootstrap_servers)
    most = max(inference.replicas, inference.max_replicas or 0, 1)
    partitions = admin.ensure_topic(inference.input_topic, partitions=most)
    start = parsed_start(inference.start)
    if start != StartPlace.BEGINNING:
        # Commit before any replica reads, so that the group's place is fixed, whatever happens to replicas.
        admin.begin_at(inference.group, inference.input_topic, start)
    # The output topic gets as many partitions as the input has, so that the order per partition can be kept.
    output_admin.ensure_topic(
        inference.output_topic, partitions=partitions, max_record_bytes=_large_answer_bytes(inference)
    )
    output_admin.ensure_topic(dead_letter_topic(inference.output_topic), partitions=1)
    if inference.upper_topic:
        found = exit_of(inference.served)
        upper_bytes = 0 if found is None else found.upper_bytes + RECORD_OVERHEAD_BYTES
        admin_of(inference.upper_bootstrap_servers).ensure_topic(
            inference.upper_topic,
            partitions=partitions,
            max_record_bytes=_above_default(upper_bytes),
        )
    warnings = []
    if inference.replicas > partitions:
        warnings.append(
            f"{inference.replicas} replicas, but topic {inference.input_topic} has {counted(partitions, 'partition')}: "
            f"{counted(inference.replicas - partitions, 'replica')} will have nothing to do"
        )
    elif most > partitions:
        warnings.append(
            f"topic {inference.input_topic} has {counted(partitions, 'partition')}: "
            f"no more than {partitions} of at most {most} replicas will be started"
        )
    store_warnings(inference.pk, warnings)


def _large_answer_bytes(inference: Inference) -> int:
    """Return how large an answer can be if it can exceed Kafka's default limit; 0 otherwise.

    The shapes come from the check of the model's code; an axis without a fixed length makes the size unknown.
    """
    try:
        described = (inference.result.model.report or {})["outputs"]
        outputs = [(np.dtype(output["dtype"]), [int(length) for length in output["shape"][1:]]) for output in described]
        # Room for included columns is added even if none is included yet, because users may include some at any time.
        included = MAX_INCLUDED_BYTES if inference.input_format == InputFormat.COLUMNS else 0
        size = answer_bytes(outputs) + included
    except (KeyError, IndexError, TypeError, ValueError):
        return 0
    return _above_default(size)


def _above_default(size: int) -> int:
    return 0 if size <= KAFKA_DEFAULT_RECORD_BYTES else min(size, environment().max_answer_bytes)

"""How an inference reads its input: for which version, in which format, and why an input is refused. Called before one
is made, and for input checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api.errors import InvalidField
from backend.config.environment import environment
from backend.deployments.models import ResultVersion, TrainingResult
from backend.inferences.models import Inference
from backend.inferences.swaps import kept_version
from backend.inferences.tiers import input_of
from kafkaml.changelogs import changelog_record_bytes
from kafkaml.codecs import with_learnt
from kafkaml.codecs.columns import ColumnsCodec, contract_of
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.wire.choices import DeliveryGuarantee

__all__ = ["check_include", "guarantee_of", "input_values", "version_to_serve"]


def version_to_serve(result: TrainingResult, number: int | None) -> tuple[ResultVersion | None, ResultVersion]:
    """Return the version that an inference is pinned to (None if it follows the current one), and the one it serves.

    Raises InvalidField for a result that has no version yet.
    """
    if result.current_version is None:
        raise InvalidField(
            "result",
            f"result {result.pk} is {result.state} and has no version yet: expected one that was trained",
            hint="wait for its training",
        )
    pinned = None if number is None else kept_version(Inference(result=result), number)
    return pinned, pinned or result.current_version


def input_values(
    result: TrainingResult, served: ResultVersion, given: Mapping[str, Any], clusters: Mapping[str, str]
) -> dict[str, Any]:
    """Return ``given``, fields of an inference, with its format and settings.

    Format and settings default to those of the stream that trained ``served``; for an upper tier, to what the tier
    below sends. ``clusters`` are those that the inference writes to, by the fields that name them. Raises InvalidField
    for a contract that cannot be used, and for names that its answers cannot carry.
    """
    values = dict(given)
    handed_up = input_of(result, served)
    if handed_up is not None:
        values.setdefault("input_format", handed_up[0])
        if values["input_format"] == handed_up[0]:
            values["input_config"] = {**handed_up[1], **(values.get("input_config") or {})}
    elif served.stream is not None:
        message = served.stream.control_message()
        values.setdefault("input_format", str(message.input_format))
        if values["input_format"] == str(message.input_format):
            # Use keys, shape and type as the training found them; the next record must not change them.
            learnt = served.outcome.get("learnt", {})
            values["input_config"] = with_learnt(values.get("input_config", message.input_config), learnt)
    if not values.get("input_format"):
        raise InvalidField("input_format", "input_format is missing, and the result has no stream to take it from")
    values.setdefault("input_config", {})
    _check_contract(values["input_format"], values["input_config"], clusters)
    check_include(values)
    return values


def guarantee_of(*bootstrap_servers: str) -> str:
    """Return the delivery guarantee. A transaction cannot span clusters, so it is exactly once only within one."""
    same = {"", environment().kafka.bootstrap_servers}.issuperset(bootstrap_servers)
    return str(DeliveryGuarantee.EXACTLY_ONCE if same else DeliveryGuarantee.AT_LEAST_ONCE)


def _check_contract(input_format: str, input_config: Mapping[str, Any], clusters: Mapping[str, str]) -> None:
    """Refuse a contract that is invalid, lacks what training learnt for it, or needs state that cannot be kept.

    ``clusters`` are those that are written to, by the fields that name them.
    """
    if input_format != InputFormat.COLUMNS:
        return
    try:
        contract, learnt = contract_of(input_config)
        features = ColumnsCodec(contract, learnt)
    except DecodeError as error:
        raise InvalidField("input_config", error.message, hint=error.hint) from error
    if learnt is None:
        # Without what training learnt, each batch would be scaled separately, and answers would be wrong without
        # notice.
        raise InvalidField(
            "input_config",
            "it has a contract and nothing that was learnt by it: expected both, as a training's outcome has them",
            hint="serve a result that was trained on a data set, and leave its format as it is",
        )
    if features.state is None:
        return
    for field, servers in clusters.items():
        if guarantee_of(servers) != DeliveryGuarantee.EXACTLY_ONCE:
            raise InvalidField(
                field,
                "the data set makes samples of several records of a key: what is known of each is written in the "
                "transaction of the answers, which is of one cluster",
                hint="write to the cluster of the input, and copy the topic to the other one",
            )
    size, most = changelog_record_bytes(features.state), environment().max_answer_bytes
    if size > most:
        raise InvalidField(
            "result",
            f"the window of one key takes {size:,} bytes, and replicas write at most {most:,} in one record",
            hint=f"train on shorter windows, or set KML_INFERENCE_MAX_ANSWER_BYTES of the platform to {size} or more",
        )


def check_include(values: Mapping[str, Any]) -> None:
    """Raise InvalidField for names of columns and fields that answers cannot carry."""
    include = values.get("include") or ()
    if not include:
        return
    if values["input_format"] != InputFormat.COLUMNS:
        raise InvalidField(
            "include",
            f"records are {values['input_format']}, by no contract that names their fields: nothing can be included",
            hint="leave include out, or serve a result that was trained on a data set",
        )
    if len(set(include)) < len(include):
        raise InvalidField("include", f"{', '.join(include)}: expected each name once")
    if values.get("upper_topic"):
        raise InvalidField(
            "include",
            "what goes up to the next tier is an array that carries no fields, so its answers would lack them",
            hint="leave include out: the kml-source header of each answer says where its record is",
        )
    try:
        ColumnsCodec(*contract_of(values["input_config"]), include=include)
    except DecodeError as error:
        raise InvalidField("include", error.message, hint=error.hint) from error

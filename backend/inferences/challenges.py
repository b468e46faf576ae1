"""Challengers: canaries and shadows, which users or a rule promote or drop."""

from __future__ import annotations

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import SYSTEM, Actor
from backend.api.errors import Conflict, InvalidField
from backend.deployments.models import ResultVersion
from backend.inferences.comparisons import decision
from backend.inferences.compatibility import obstacle
from backend.inferences.models import Inference
from backend.inferences.selectors import live_comparison
from backend.inferences.swaps import INSTEAD, change, end_challenge, kept_version, locked_inference, save
from backend.records.browsing import open_browser
from backend.runs.services import stop
from backend.runs.transitions import publish_run
from kafkaml.errors import StreamUnavailable
from kafkaml.starts import StartPlace
from kafkaml.wire.inference import ChallengeRule, RuleMetric

__all__ = ["decide", "drop", "promote", "start_canary", "start_shadow"]

# This many of the newest records show whether the input has keys.
_LOOKED_AT = 100
_KAFKA_SECONDS = 10.0
_COPIED = (
    "result_id",
    "input_topic",
    "input_format",
    "input_config",
    "include",
    "output_bootstrap_servers",
    "output_timestamps",
    "guarantee",
    "gpu",
    "cluster_id",
    "visualization",
)


def start_canary(
    inference: Inference,
    *,
    actor: Actor,
    version: int,
    share: float,
    labelled: bool = False,
    keyed: bool = False,
    rule: ChallengeRule | None = None,
) -> None:
    """Let a version answer a share of the keys, or change the share of the present canary.

    ``keyed`` demands that one version answers all records of a key; an input without keys is then refused.
    """
    if keyed:
        _check_keys(inference.input_topic)
    with transaction.atomic():
        locked = locked_inference(inference)
        if locked.shadow_of_id is not None:
            raise Conflict(
                f"inference {locked.pk} is a shadow: a canary needs one that answers", hint="promote or drop"
            )
        if locked.limit is not None:
            raise Conflict(
                f"inference {locked.pk} hands up what it is not sure of, to a tier that was trained with version "
                f"{locked.served.number}: a canary would send it what version {version} makes",
                hint="start a shadow, which answers everything itself; or swap the tiers of a chain together",
            )
        challenger = _challenger(locked, version)
        _check_rule(rule, labelled=labelled)
        locked.challenger, locked.challenger_share = challenger, share
        locked.challenger_labelled = labelled
        locked.challenger_rule = None if rule is None else rule.to_json()
        locked.revision += 1
        locked.swap_failure = locked.last_challenge = None
        save(locked, actor, "canary", f"version {version} answers {share:.1%} of the keys")


def start_shadow(
    inference: Inference,
    *,
    actor: Actor,
    version: int,
    output_topic: str = "",
    start: str = StartPlace.BEGINNING,
    labelled: bool = False,
    rule: ChallengeRule | None = None,
) -> Inference:
    """Let a version answer the same input into a topic of its own, in a group of its own, which begins at ``start``;
    returns that inference.
    """
    with transaction.atomic():
        locked = locked_inference(inference)
        if locked.shadow_of_id is not None:
            raise Conflict(f"inference {locked.pk} is a shadow itself", hint="make one of the inference that answers")
        challenger = _challenger(locked, version)
        _check_rule(rule, labelled=labelled)
        # Always use a new topic, because two shadows of the same version must not share one.
        number = Inference.objects.filter(shadow_of=locked).count() + 1
        topic = output_topic or f"{locked.output_topic[:225]}.shadow-{number}"
        if Inference.objects.filter(output_topic=topic).exists() or topic == locked.input_topic:
            raise InvalidField("output_topic", f"{topic} is in use: expected a topic of the shadow's own")
        shadow = Inference.objects.create(
            **{name: getattr(locked, name) for name in _COPIED},
            # Without replicas, an inference runs only on workers elsewhere, whose tokens are not valid for its shadow.
            # So the shadow gets a replica.
            replicas=max(1, locked.replicas),
            output_topic=topic,
            start=start,
            follows=False,
            pinned=locked.served,
            challenger=challenger,
            challenger_labelled=labelled,
            challenger_rule=None if rule is None else rule.to_json(),
            shadow_of=locked,
            created_by_id=actor.user_id,
        )
        detail = f"version {version} next to version {locked.served.number} of inference {locked.pk}"
        record(actor, "shadow", shadow, after=state_hash(shadow), detail=detail)
        publish_run(shadow, change="created")
    return shadow


def promote(inference: Inference, *, actor: Actor, why: str = "") -> None:
    """Serve the challenger from now on; for a shadow, the inference that it shadows serves it, and the shadow ends."""
    with transaction.atomic():
        locked = locked_inference(inference)
        challenger = _of(locked)
        target = locked if locked.shadow_of is None else locked_inference(locked.shadow_of)
        change(target, actor, "promote", serve=challenger, pinned=challenger, follows=False, why=why)
        if target is not locked:
            end_challenge(locked, actor, promoted=True, why=why)
            save(locked, actor, "promote", f"version {challenger.number} in inference {target.pk}")
            stop(locked, actor=actor)


def drop(inference: Inference, *, actor: Actor, why: str = "") -> None:
    """Stop the challenger. A shadow ends, and keeps what it has counted."""
    with transaction.atomic():
        locked = locked_inference(inference)
        challenger = _of(locked)
        end_challenge(locked, actor, why=why)
        if locked.shadow_of_id is None:
            locked.revision += 1
        save(locked, actor, "drop", f"version {challenger.number}{f': {why}' if why else ''}")
        if locked.shadow_of_id is not None:
            stop(locked, actor=actor)


def decide(inference: Inference) -> None:
    """Apply the rule of a challenge to the replicas' reports so far. Called with the row locked."""
    if inference.challenger is None or inference.challenger_rule is None or inference.desired != "run":
        return
    decided = decision(ChallengeRule.model_validate(inference.challenger_rule), live_comparison(inference))
    if decided is None:
        return
    promoted, why = decided
    (promote if promoted else drop)(inference, actor=SYSTEM, why=why)


def _challenger(inference: Inference, number: int) -> ResultVersion:
    version, served = kept_version(inference, number), inference.served
    if version.pk == served.pk:
        raise InvalidField("version", f"version {number} is served already: expected another one")
    if problem := obstacle(served, version):
        raise InvalidField(
            "version", f"version {number} cannot be compared with {served.number}: {problem}", hint=INSTEAD
        )
    return version


def _of(inference: Inference) -> ResultVersion:
    if inference.challenger is None:
        raise Conflict(f"inference {inference.pk} has no challenger", hint="start a canary or a shadow first")
    return inference.challenger


def _check_rule(rule: ChallengeRule | None, *, labelled: bool) -> None:
    if rule is None:
        return
    if rule.metric is RuleMetric.ACCURACY and not labelled:
        raise InvalidField(
            "rule", "accuracy needs keys that are labels: set labelled, or choose agreement", hint="see labelled"
        )
    if rule.metric is RuleMetric.AGREEMENT and rule.at_least <= 0:
        raise InvalidField("rule", f"an agreement of {rule.at_least:g} is always reached: expected more than 0")


def _check_keys(topic: str) -> None:
    try:
        page = open_browser().page(topic, before=None, limit=_LOOKED_AT, timeout_seconds=_KAFKA_SECONDS)
    except StreamUnavailable:
        return
    without = sum(newest.key is None for newest in page.records)
    if without:
        raise InvalidField(
            "keyed",
            f"{without} of the newest {len(page.records)} records of {topic} have no key: expected keys, by which one "
            "version answers each",
            hint="send keys, or leave keyed out: a record without key is chosen by its place",
        )

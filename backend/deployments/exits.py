"""Where samples leave a chain under which limits, from the file that its training left. Called by views."""

from __future__ import annotations

from collections.abc import Sequence

from backend.api.errors import InvalidField, NotFound
from backend.deployments import storage
from backend.deployments.models import ResultVersion, TrainingResult
from backend.deployments.versions import version_of
from kafkaml.errors import RefusedError
from kafkaml.exit_samples import EXITS_FILE, Cost, ExitSamples, curve, leaving, proposed
from kafkaml.wire.distributed import Exit, ExitCurves, Scores, TierCurve
from kafkaml.wire.outcome import Outcome

__all__ = ["exit_curves", "read_limits"]


def read_limits(text: str) -> list[float | None]:
    """Return ``0.8,0.9`` as limits from below, an empty place as None; raises InvalidField."""
    limits: list[float | None] = []
    for part in text.split(",") if text else ():
        try:
            limit = float(part) if part.strip() else None
        except ValueError:
            limit = -1
        if limit is not None and not 0 <= limit <= 1:
            raise InvalidField(
                "limits",
                f"limits has {part[:40]!r}: expected numbers from 0 to 1 by commas, from the lowest tier on",
                hint="an empty place is the proposed limit",
            )
        limits.append(limit)
    return limits


def exit_curves(result: TrainingResult, limits: Sequence[float | None] = ()) -> ExitCurves:
    """Return what ``limits``, from the lowest tier up, would do in the chain of a result.

    A proposed limit stands in for each None.

    Raises NotFound where the result is of no chain, is not trained, or has no such samples; InvalidField for more
    limits than tiers have.
    """
    run = result.run
    if run.tier is None:
        raise NotFound(f"result {result.pk} is of an ordinary model: exits are those of the sub-models of a chain")
    version = version_of(run)
    parts = run.parts()
    if len(limits) >= len(parts):
        raise InvalidField(
            "limits", f"limits has {len(limits)} numbers: expected at most {len(parts) - 1}, as the top has no limit"
        )
    exits = [_exit_of(part, version) for part in parts]
    samples = _samples(run, version, parts)
    costs = [Cost(exit_.upper_bytes, exit_.seconds_per_sample, exit_.classes) for exit_ in exits]
    best = proposed(samples.tiers, costs, limits)
    chosen = [
        proposed if given is None else given for proposed, given in zip(best, _padded(limits, len(best)), strict=True)
    ]
    found = leaving(samples.tiers, chosen, costs)
    return ExitCurves(
        result=run.pk,
        version=version.number,
        of=samples.of,
        samples=len(samples.tiers[0].right),
        accuracy=found.accuracy,
        bytes_per_sample=found.bytes_per_sample,
        seconds_per_sample=found.seconds_per_sample,
        tiers=tuple(
            TierCurve(
                result=part.pk,
                model=part.model_id,
                model_name=part.model.name,
                limit=chosen[index] if index < len(chosen) else None,
                proposed=best[index] if index < len(best) else None,
                alone=float(tier.right.mean()),
                arriving=found.arriving[index],
                sent_up=found.sent_up[index],
                points=curve(samples.tiers, chosen, costs, index) if index < len(chosen) else (),
            )
            for index, (part, tier) in enumerate(zip(parts, samples.tiers, strict=True))
        ),
    )


def _padded(limits: Sequence[float | None], count: int) -> list[float | None]:
    return [*limits, *[None] * (count - len(limits))]


def _exit_of(part: TrainingResult, version: ResultVersion) -> Exit:
    """Return what training measured at the exit of a sub-model, in the version that belongs to the leader's."""
    of_part = part.versions.filter(number=version.number).first() or version_of(part)
    found = Outcome.model_validate(of_part.outcome).exit
    if found is None:
        raise NotFound(f"{of_part} says nothing of its exit", hint="train the chain again")
    if found.scores is Scores.VALUES:
        raise NotFound(
            f"the exit of result {part.pk} ({part.model.name}) predicts values, of which none is surer than another",
            hint="a limit is for models that predict classes: serve the tier without one",
        )
    return found


def _samples(run: TrainingResult, version: ResultVersion, parts: Sequence[TrainingResult]) -> ExitSamples:
    artifact = version.artifacts.filter(name=EXITS_FILE).first()
    hint = "train it again, on a stream with a test or validation part"
    if artifact is None:
        raise NotFound(f"{version} has no samples of its exits", hint=hint)
    try:
        samples = ExitSamples.read(storage.fetch(artifact))
    except RefusedError as error:
        raise NotFound(f"{version}: {error.message}", hint=hint) from error
    if len(samples.tiers) != len(parts):
        raise NotFound(
            f"{EXITS_FILE} of result {run.pk} is of {len(samples.tiers)} exits: expected {len(parts)}", hint=hint
        )
    return samples

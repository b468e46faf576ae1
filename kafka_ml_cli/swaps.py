"""``kafka-ml inferences``: the commands about which version is served, and those that are compared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.chains import StartOption
from kafka_ml_cli.output import JsonOption, console, print_done, print_json, print_table
from kafka_ml_cli.session import client_of

if TYPE_CHECKING:
    from kafkaml.sdk.types import Inference, SwapReport

__all__ = ["WaitOption", "canary", "compare", "drop", "follow", "promote", "rollback", "shadow", "swap", "swaps"]

_COMPARE = "kafka-ml inferences compare {}, then promote or drop"

WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Wait this many seconds for the replicas to switch; 0: do not wait.")
]


def swap(
    context: typer.Context, inference: int, version: int, wait: WaitOption = 300.0, json: JsonOption = False
) -> None:
    """Serve another version, without losing or repeating a record."""
    changed = client_of(context).inferences.swap(inference, version)
    _gone_over(context, changed, wait=wait, json=json)


def rollback(context: typer.Context, inference: int, wait: WaitOption = 300.0, json: JsonOption = False) -> None:
    """Serve the version before the last change again."""
    changed = client_of(context).inferences.rollback(inference)
    _gone_over(context, changed, wait=wait, json=json)


def follow(context: typer.Context, inference: int, wait: WaitOption = 300.0, json: JsonOption = False) -> None:
    """Always serve the result's current version."""
    changed = client_of(context).inferences.follow(inference)
    _gone_over(context, changed, wait=wait, json=json)


def _gone_over(context: typer.Context, changed: Inference, *, wait: float, json: bool) -> None:
    if wait and not changed.state.ended:
        changed = client_of(context).inferences.wait_swapped(changed.id, timeout_seconds=wait)
    how = ", and follows the current one" if changed.follows else ""
    print_done(changed, f"inference {changed.id} serves version {changed.version}{how}", json=json)


LabelledOption = Annotated[
    bool, typer.Option("--labelled", help="The records' keys are the right answers. Report the accuracy.")
]
RuleOption = Annotated[
    str | None,
    typer.Option(
        help="Decide automatically: agreement:0.95:10000 or accuracy:0.01:10000 (minimum, number of records)."
    ),
]


def canary(
    context: typer.Context,
    inference: int,
    version: int,
    share: Annotated[float, typer.Option(min=0.001, max=1, help="Share of the keys, chosen by their hash.")] = 0.1,
    labelled: LabelledOption = False,
    keyed: Annotated[bool, typer.Option("--keyed", help="Refuse an input without keys.")] = False,
    rule: RuleOption = None,
    json: JsonOption = False,
) -> None:
    """Let another version answer a share of the keys, and compare the two."""
    changed = client_of(context).inferences.canary(
        inference, version, share=share, labelled=labelled, keyed=keyed, rule=_rule(rule)
    )
    done = f"version {version} answers {share:.1%} of the keys of inference {inference}"
    print_done(changed, done, json=json, then=_COMPARE.format(inference))


def shadow(
    context: typer.Context,
    inference: int,
    version: int,
    output_topic: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Topic of its own; the output's with .shadow-1, -2, ... by default."),
    ] = None,
    start: StartOption = None,
    labelled: LabelledOption = False,
    rule: RuleOption = None,
    json: JsonOption = False,
) -> None:
    """Let another version answer the same input into a topic of its own, and compare the two."""
    made = client_of(context).inferences.shadow(
        inference, version, output_topic=output_topic, start=start, labelled=labelled, rule=_rule(rule)
    )
    done = f"inference {made.id} shadows inference {inference} with version {version}: {made.output_topic}"
    print_done(made, done, json=json, then=_COMPARE.format(made.id))


def compare(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Show champion and challenger side by side."""
    found = client_of(context).inferences.get(inference)
    comparison = found.comparison
    if json:
        return print_json(comparison)
    last = found.last_challenge
    if last is not None:
        what = f"version {last.version}, the {last.kind} next to version {last.champion},"
        why = f": {last.why}" if last.why else ""
        console().print(f"{what} was {'promoted' if last.promoted else 'dropped'} by {last.by}{why}")
    if comparison is None:
        return console().print(f"inference {inference} has no challenger; start one: kafka-ml inferences canary")
    same = "" if comparison.agreement is None else f", the same answer to {comparison.agreement:.2%}"
    console().print(f"{comparison.compared:,} of {comparison.records:,} records answered by both{same}")
    return print_table(
        [comparison.champion, comparison.challenger],
        [
            ("version", lambda row: row.version),
            ("accuracy", lambda row: "" if row.accuracy is None else f"{row.accuracy:.2%} of {row.labelled:,}"),
            ("failed", lambda row: row.failed),
            ("p50", lambda row: "" if row.p50_ms is None else f"{row.p50_ms:.1f} ms"),
            ("p99", lambda row: "" if row.p99_ms is None else f"{row.p99_ms:.1f} ms"),
        ],
        nothing="",
    )


def promote(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Serve the challenger from now on; that of a shadow is served by the inference that it shadows."""
    changed = client_of(context).inferences.promote(inference)
    print_done(changed, f"the challenger of inference {inference} is promoted", json=json)


def drop(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Stop the challenger; a shadow ends."""
    changed = client_of(context).inferences.drop(inference)
    print_done(changed, f"the challenger of inference {inference} is dropped", json=json)


def _rule(text: str | None) -> dict[str, object] | None:
    if text is None:
        return None
    metric, _, rest = text.partition(":")
    at_least, _, records = rest.partition(":")
    try:
        return {"metric": metric, "at_least": float(at_least), "records": int(records)}
    except ValueError as error:
        raise typer.BadParameter(f"--rule {text!r}: expected METRIC:AT_LEAST:RECORDS") from error


def swaps(
    context: typer.Context,
    inference: int,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=500, help="Show at most this many.")] = 20,
    json: JsonOption = False,
) -> None:
    """Show when replicas switched to other versions, the newest first."""
    rows = client_of(context).inferences.swaps(inference, limit=count)
    if json:
        return print_json(rows)
    return print_table(
        rows,
        [
            ("at", lambda row: row.at),
            ("replica", lambda row: row.replica),
            ("version", _change),
            ("nothing read for", lambda row: "" if row.failure else f"{row.gap_seconds * 1000:.0f} ms"),
            ("loaded in", lambda row: f"{row.loading_seconds:.1f} s" if row.loading_seconds else "was warm"),
            (
                "first offsets, or why not",
                lambda row: (
                    row.failure.cause
                    if row.failure
                    else ", ".join(
                        f"{part}@{offset}" for parts in row.positions.values() for part, offset in parts.items()
                    )
                ),
            ),
        ],
        nothing="no replica has gone over to another version yet",
    )


def _change(swap: SwapReport) -> str:
    """Say '1 -> 2', '1, 2 next to it' where the canary 2 begins, '1 alone' where it ends; of a tier its limit too."""
    is_same = swap.from_version == swap.version
    said = [str(swap.version) if is_same else f"{swap.from_version or '?'} -> {swap.version}"]
    if swap.challenger is not None:
        said.append(f"{swap.challenger} next to it")
    if swap.limit is not None:
        said.append(f"limit {swap.limit:g}")
    return ", ".join(said) if len(said) > 1 or not is_same else f"{swap.version} alone"

"""``kafka-ml inferences create-chain``: all sub-models of a trained chain put into service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.clusters import cluster_named
from kafka_ml_cli.output import JsonOption, print_done, print_table
from kafka_ml_cli.session import client_of

if TYPE_CHECKING:
    from kafkaml.wire.chain import TierProposal

__all__ = ["StartOption", "create_chain"]

StartOption = Annotated[
    str | None,
    typer.Option(help="Begin to read at: beginning (the default), now, an offset or a time (2026-01-31T12:30:00Z)."),
]
_OF_TIERS = "Replicas of all tiers, or of one by its sub-model: cloud=2; repeat for others."


def create_chain(
    context: typer.Context,
    result: Annotated[int, typer.Argument(help="Result of any sub-model of the chain.")],
    input_topic: Annotated[str | None, typer.Option("--input", "-i", help="Topic that the lowest tier reads.")] = None,
    output_topic: Annotated[
        str | None, typer.Option("--output", "-o", help="Topic to which all tiers write predictions.")
    ] = None,
    start: StartOption = None,
    prefix: Annotated[str | None, typer.Option(help="Prefix of the topics that are not given.")] = None,
    limit: Annotated[
        list[float] | None,
        typer.Option(help="Limit of a tier, from the lowest; repeat for the next. By default as proposed."),
    ] = None,
    upper_topic: Annotated[
        list[str] | None,
        typer.Option(help="Topic to which a tier hands records up, from the lowest tier on; repeat for the next."),
    ] = None,
    replicas: Annotated[list[str] | None, typer.Option(metavar="[SUB-MODEL=]NUMBER", help=_OF_TIERS)] = None,
    max_replicas: Annotated[
        list[str] | None,
        typer.Option(metavar="[SUB-MODEL=]NUMBER", help="Scale with the lag up to this many replicas."),
    ] = None,
    gpu: Annotated[list[str] | None, typer.Option(metavar="[SUB-MODEL=]NUMBER", help="GPUs of each replica.")] = None,
    cluster: Annotated[
        list[str] | None, typer.Option(metavar="[SUB-MODEL=]NAME", help="Another cluster for the replicas.")
    ] = None,
    upper_bootstrap_servers: Annotated[
        list[str] | None,
        typer.Option(metavar="[SUB-MODEL=]HOST:PORT", help="Another Kafka cluster for what a tier hands up."),
    ] = None,
    output_bootstrap_servers: Annotated[
        list[str] | None, typer.Option(metavar="[SUB-MODEL=]HOST:PORT", help="Another Kafka cluster for predictions.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Version of all tiers; by default the current one.")] = None,
    propose: Annotated[bool, typer.Option("--propose", help="Only show the proposal.")] = False,
    json: JsonOption = False,
) -> None:
    """Serve all sub-models of a trained chain. If one cannot be served, none is."""
    client = client_of(context)
    proposed = client.inferences.propose_chain(result, prefix=prefix)
    if propose:
        return print_table(
            proposed.tiers,
            [
                ("model", lambda row: row.model_name),
                ("result", lambda row: row.result),
                ("reads", lambda row: row.input_topic),
                ("hands up to", lambda row: row.upper_topic),
                ("limit", lambda row: "" if row.limit is None else f"{row.limit:g}"),
            ],
            nothing="",
            json=json,
        )
    tiers: list[dict[str, object]] = [{"result": tier.result} for tier in proposed.tiers]
    for name, given in (("limit", limit or []), ("upper_topic", upper_topic or [])):
        if len(given) >= len(tiers):
            raise typer.BadParameter(f"{len(given)} of {name}: expected at most {len(tiers) - 1}, the top has none")
        for tier, value in zip(tiers, given, strict=False):
            tier[name] = value
    read: tuple[tuple[str, Sequence[str] | None, Callable[[str], object]], ...] = (
        ("replicas", replicas, _whole),
        ("max_replicas", max_replicas, _whole),
        ("gpu", gpu, _whole),
        ("cluster", cluster, lambda text: cluster_named(client, text).id),
        ("upper_bootstrap_servers", upper_bootstrap_servers, str),
        ("output_bootstrap_servers", output_bootstrap_servers, str),
    )
    for name, texts, meaning in read:
        for text in texts or []:
            places, value = _meant(text, proposed.tiers)
            if name == "upper_bootstrap_servers" and len(places) == len(tiers):
                # The address of the upper cluster goes to all tiers but the last, which hands nothing up.
                places = places[:-1]
            for place in places:
                tiers[place][name] = meaning(value)
    made = client.inferences.create_chain(
        result=result,
        version=version,
        prefix=prefix,
        input_topic=input_topic,
        output_topic=output_topic,
        start=start,
        tiers=tiers,
    )
    way = " -> ".join(f"{inference.input_topic} ({inference.tier}, inference {inference.id})" for inference in made)
    return print_done(made, f"{len(made)} tiers start: {way}", json=json, then=f"kafka-ml tail {made[0].id}")


def _meant(text: str, tiers: Sequence[TierProposal]) -> tuple[Sequence[int], str]:
    """Return the places of the tiers that ``cloud=2`` or ``2`` is about, and the value."""
    for place, tier in enumerate(tiers):
        if text.startswith(f"{tier.model_name}="):
            return [place], text[len(tier.model_name) + 1 :]
    if "=" in text:
        names = ", ".join(tier.model_name for tier in tiers)
        raise typer.BadParameter(f"{text!r}: expected SUB-MODEL=VALUE with one of {names}")
    return range(len(tiers)), text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected a whole number, for all tiers or as SUB-MODEL=NUMBER") from None

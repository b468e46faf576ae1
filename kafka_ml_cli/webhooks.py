"""``kafka-ml webhooks``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.output import JsonOption, console, human_age, print_json, print_object, print_table, styled_state
from kafka_ml_cli.session import client_of

if TYPE_CHECKING:
    from kafkaml.sdk.types import Webhook

__all__ = ["app"]

app = typer.Typer(
    name="webhooks",
    help="Other systems that are notified when a version becomes current (for admins).",
    no_args_is_help=True,
)

_SECRET_VARIABLE = "KML_WEBHOOK_SECRET"  # noqa: S105  # where it comes from, not what it is


@app.command("list")
def list_(context: typer.Context, json: JsonOption = False) -> None:
    """List webhooks and the state of their deliveries."""
    return print_table(
        client_of(context).webhooks.list(),
        [
            ("id", lambda row: row.id),
            ("url", lambda row: row.url),
            ("events", lambda row: ", ".join(row.events)),
            ("", lambda row: styled_state("fail" if row.error else "ok") if row.enabled else "off"),
            ("last notified", lambda row: human_age(row.delivered_at) if row.delivered_at else "never"),
            ("waiting", lambda row: row.waiting),
            ("error", lambda row: row.error),
        ],
        nothing="no webhooks yet; add one: kafka-ml webhooks add https://HOST/PATH",
        json=json,
    )


@app.command()
def show(context: typer.Context, webhook: int, json: JsonOption = False) -> None:
    """Show one webhook; its secret cannot be shown."""
    found = client_of(context).webhooks.get(webhook)
    return print_json(found) if json else print_object(found)


@app.command()
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="https address; its host is one that KML_WEBHOOK_HOSTS allows.")],
    json: JsonOption = False,
) -> None:
    """Add an address and print its signing secret, once; KML_WEBHOOK_SECRET gives one instead."""
    made = client_of(context).webhooks.create(url=url, secret=_given_secret())
    return print_json(made) if json else _shown_once(made)


@app.command()
def update(
    context: typer.Context,
    webhook: int,
    url: Annotated[
        str | None, typer.Option(help="Another address; needs the secret again, in KML_WEBHOOK_SECRET.")
    ] = None,
    enabled: Annotated[
        bool | None,
        typer.Option("--on/--off", help="Switch it on or off; switching it off drops undelivered requests."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Change a webhook; what is not given stays. KML_WEBHOOK_SECRET replaces its secret."""
    changed = client_of(context).webhooks.update(webhook, url=url, enabled=enabled, secret=_given_secret())
    return print_json(changed) if json else console().print(f"webhook {changed.id} changed")


@app.command("new-secret")
def new_secret(context: typer.Context, webhook: int, json: JsonOption = False) -> None:
    """Sign with another secret from now on, and print it once."""
    changed = client_of(context).webhooks.new_secret(webhook)
    return print_json(changed) if json else _shown_once(changed)


@app.command()
def ping(
    context: typer.Context,
    webhook: int,
    wait: Annotated[float, typer.Option(min=1, help="Wait at most this many seconds.")] = 15.0,
    json: JsonOption = False,
) -> None:
    """Send a webhook an event of type ping and report the outcome; fails if it was not accepted."""
    delivery = client_of(context).webhooks.ping(webhook, timeout_seconds=wait)
    return print_json(delivery) if json else console().print(f"{delivery.url} accepted the event")


@app.command()
def delete(context: typer.Context, webhook: int) -> None:
    """Delete a webhook, its secret, and its undelivered events."""
    client_of(context).webhooks.delete(webhook)
    console().print(f"webhook {webhook} deleted")


def _shown_once(webhook: Webhook) -> None:
    console().print(f"webhook {webhook.id} notifies {webhook.url}; its secret, which is not shown again:")
    # The secret is printed without folding or colours, so that it can be piped and copied.
    console().out(webhook.secret)
    console().print(f"next: kafka-ml webhooks ping {webhook.id}", style="dim")


def _given_secret() -> str | None:
    import os

    return os.environ.get(_SECRET_VARIABLE) or None

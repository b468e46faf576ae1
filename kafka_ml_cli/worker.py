"""``kafka-ml worker``: serve an inference from a machine of one's own, and the tokens that let it."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from kafka_ml_cli.output import JsonOption, console, human_age, print_json, print_table, styled_state
from kafka_ml_cli.session import client_of, session_of
from kafkaml.errors import RefusedError

app = typer.Typer(
    name="worker",
    help="External workers: other machines that serve an inference, e.g. at the edge.",
    no_args_is_help=True,
)

InferenceOption = Annotated[int, typer.Option("--inference", "-i", help="Number of the inference.")]


@app.command()
def run(
    context: typer.Context,
    inference: InferenceOption,
    url: Annotated[str, typer.Option(help="Address of the platform from here (also KML_URL).")] = "",
    token: Annotated[
        str,
        typer.Option(
            envvar="KML_WORKER_TOKEN", show_envvar=True, help="The token that `kafka-ml worker token` printed."
        ),
    ] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the token. Other users of this machine could read an option.")
    ] = None,
    name: Annotated[
        str,
        typer.Option(envvar="KML_WORKER_NAME", show_envvar=True, help="Name of this worker; by default the host's."),
    ] = "",
    state_dir: Annotated[Path | None, typer.Option(help="Folder that keeps models and counts across restarts.")] = None,
    bootstrap_servers: Annotated[
        str, typer.Option(help="Kafka's address as seen from here, if it differs from the platform's.")
    ] = "",
    isolation: Annotated[str, typer.Option(help="How the model is isolated: auto, namespaces, landlock or off.")] = "",
) -> None:
    """Serve an inference from this machine until it is stopped there, or by Ctrl-C or SIGTERM here.

    Needs Python with this package, a token, and access to the platform and Kafka; neither Docker nor Kubernetes.
    KML_KAFKA_SASL_USERNAME, KML_KAFKA_SASL_PASSWORD_FILE and KML_KAFKA_SSL_CA_LOCATION give Kafka's user, password and
    authority on this machine. Ends with 0 when the inference is stopped, with 5 when the token is no longer valid.
    """
    from kafkaml.log_copy import LogCopy
    from kafkaml.logs import configure_logs
    from kafkaml.settings import KafkaSettings, default_state_dir
    from kafkaml.worker_settings import InferenceSettings
    from model_inference.elsewhere import WorkerOptions, run_worker

    given = session_of(context)
    where = url or given.url
    if not where:
        raise RefusedError("where is the platform?", hint="--url http://host:8000, its address from this machine")
    if not where.startswith(("http://", "https://")):
        raise RefusedError(f"--url {where}: expected http://host:port or https://host")
    options = WorkerOptions(
        url=where,
        token=_token(token, token_file),
        inference=inference,
        name=name or socket.gethostname(),
        state_dir=(state_dir or given.state_dir or default_state_dir() / "worker").absolute(),
    )
    log = LogCopy()
    configure_logs("worker", copy=log.write)
    kafka = KafkaSettings(bootstrap_servers=bootstrap_servers) if bootstrap_servers else KafkaSettings()
    settings = InferenceSettings(isolation=isolation) if isolation else InferenceSettings()
    why = run_worker(options, log=log, kafka=kafka, settings=settings)
    console(error=True).print(f"this worker ends: {why}")


def _token(text: str, file: Path | None) -> str:
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as error:
            raise RefusedError(f"the token in {file} cannot be read: {os.strerror(error.errno or 0)}") from error
    text = text.strip()
    if not text:
        raise RefusedError(
            "there is no token", hint="--token, --token-file or KML_WORKER_TOKEN; kafka-ml worker token makes one"
        )
    return text


@app.command()
def token(
    context: typer.Context,
    inference: Annotated[int, typer.Argument(metavar="INFERENCE")],
    name: Annotated[str, typer.Option(help="Its purpose, e.g. a site or a machine.")] = "worker",
    days: Annotated[float, typer.Option(help="Valid for this many days.")] = 365,
    json: JsonOption = False,
) -> None:
    """Create a token for machines that serve an inference; prints it once, with the commands to run there."""
    made = client_of(context).inferences.create_worker_token(inference, name=name, days=days)
    if json:
        return print_json(made)
    commands = made.commands
    assert commands is not None
    out = console()
    out.print(f"{made.token}\n", soft_wrap=True)
    for note in commands.notes:
        out.print(f"{note}\n", style="yellow")
    for what, lines in (
        ("with Python, in a checkout of Kafka-ML", (commands.install, commands.python)),
        ("with Docker (the image is built once, in a checkout)", (commands.build, commands.docker)),
    ):
        out.print(f"{what}:", style="dim")
        for line in lines:
            out.print(f"  {line}", soft_wrap=True)
    return None


@app.command()
def tokens(
    context: typer.Context,
    inference: Annotated[int, typer.Argument(metavar="INFERENCE")],
    json: JsonOption = False,
) -> None:
    """List the tokens of an inference (not their texts, which nobody can read again)."""
    return print_table(
        client_of(context).inferences.worker_tokens(inference),
        [
            ("id", lambda row: row.id),
            ("name", lambda row: row.name),
            ("by", lambda row: row.created_by),
            ("workers", lambda row: row.workers),
            ("expires", lambda row: "expired" if row.expired else row.expires_at.date()),
            ("created", lambda row: human_age(row.created_at)),
        ],
        nothing=f"no tokens; make one: kafka-ml worker token {inference}",
        json=json,
    )


@app.command()
def revoke(
    context: typer.Context,
    inference: Annotated[int, typer.Argument(metavar="INFERENCE")],
    token: Annotated[int, typer.Argument(metavar="TOKEN", help="Its id, as `kafka-ml worker tokens` shows it.")],
) -> None:
    """Revoke a token. The workers that it let in end with their next report."""
    client_of(context).inferences.revoke_worker_token(inference, token)
    console().print(f"token {token} of inference {inference} revoked")


@app.command("list")
def list_(
    context: typer.Context,
    inference: Annotated[int, typer.Argument(metavar="INFERENCE")],
    json: JsonOption = False,
) -> None:
    """List the machines that serve an inference, or did since it was started."""
    workers = [replica for replica in client_of(context).inferences.get(inference).replica_stats if replica.worker]
    return print_table(
        workers,
        [
            ("worker", lambda row: row.worker),
            ("host", lambda row: row.host),
            ("replica", lambda row: row.replica),
            ("state", lambda row: styled_state(row.state)),
            ("predicted", lambda row: f"{row.predicted:,}"),
            ("records/s", lambda row: f"{row.rate:,.0f}"),
            ("heard", lambda row: human_age(row.updated_at)),
            ("error", lambda row: row.error.cause if row.error else ""),
        ],
        nothing=f"no worker has joined; make a token for one: kafka-ml worker token {inference}",
        json=json,
    )

"""``kafka-ml clusters``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.output import (
    JsonOption,
    console,
    print_done,
    print_json,
    print_object,
    print_table,
    styled_state,
)
from kafka_ml_cli.session import asked, client_of

if TYPE_CHECKING:
    from kafkaml.sdk import Client
    from kafkaml.sdk.types import ClusterName

__all__ = ["app", "cluster_named"]

app = typer.Typer(
    name="clusters", help="Other Kubernetes clusters that inferences may run in (for admins).", no_args_is_help=True
)

_TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help="File with the token of its service account; or KML_CLUSTER_TOKEN."),
]
_CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", help="PEM file with the certificate of the authority that signed its certificate."),
]
_Kafka = Annotated[str | None, typer.Option("--kafka", help="The platform's Kafka, as pods there reach it: host:port.")]
_BackendUrl = Annotated[str | None, typer.Option(help="This platform's API, as pods there reach it.")]
_Image = Annotated[str | None, typer.Option(help="Images there, e.g. registry:5000/kafka-ml/{component}:0.1.0.")]
_GpuResource = Annotated[str | None, typer.Option(help="Name of a GPU there, e.g. nvidia.com/gpu.")]
# Options that name a file with a field's value, or hold several fields, rather than one field of the API.
_READ = ("token_file", "ca_file", "kafka")
_Keda = Annotated[bool | None, typer.Option("--keda/--no-keda", help="KEDA is installed there.")]


@app.command("list")
def list_(
    context: typer.Context,
    names: Annotated[bool, typer.Option("--names", help="Only the names, which everybody may see.")] = False,
    json: JsonOption = False,
) -> None:
    """List clusters."""
    clusters = client_of(context).clusters
    rows = clusters.names() if names else clusters.list()
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("name", lambda row: row.name),
            *(
                []
                if names
                else [
                    ("address", lambda row: row.host),
                    ("namespace", lambda row: row.namespace),
                    ("token", lambda row: "kept" if row.has_token else "missing"),
                    ("inferences", lambda row: row.inferences),
                ]
            ),
        ],
        nothing="no other clusters; add one: kafka-ml clusters create NAME --host https://HOST:6443 --namespace NAME",
        json=json,
    )


@app.command()
def show(context: typer.Context, cluster: str, json: JsonOption = False) -> None:
    """Show one cluster, by name or id; its token cannot be shown."""
    client = client_of(context)
    found = client.clusters.get(cluster_named(client, cluster).id)
    return print_json(found) if json else print_object(found, long=("ca",))


@app.command()
def create(
    context: typer.Context,
    name: str,
    host: Annotated[str, typer.Option(help="https address of its API.")],
    namespace: Annotated[str, typer.Option(help="Where inferences run.")],
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
    kafka: _Kafka = None,
    backend_url: _BackendUrl = None,
    image: _Image = None,
    gpu_resource: _GpuResource = None,
    keda: _Keda = None,
    json: JsonOption = False,
) -> None:
    """Add a cluster; its token is read from a file, KML_CLUSTER_TOKEN or the keyboard."""
    token = _token(token_file) or typer.prompt("Token", hide_input=True)
    fields = asked(locals(), *_READ, ca=_text(ca_file), kafka_bootstrap_servers=kafka)
    made = client_of(context).clusters.create(**{name: value for name, value in fields.items() if value is not None})
    done = f"cluster {made.id} ({made.name}) added"
    print_done(made, done, json=json, then=f"kafka-ml clusters check {made.name}")


@app.command()
def update(
    context: typer.Context,
    cluster: str,
    name: Annotated[str | None, typer.Option("--name", "-n")] = None,
    host: Annotated[str | None, typer.Option(help="https address of its API; needs the token again.")] = None,
    namespace: Annotated[str | None, typer.Option(help="Where inferences run.")] = None,
    token_file: _TokenFile = None,
    ca_file: _CaFile = None,
    kafka: _Kafka = None,
    backend_url: _BackendUrl = None,
    image: _Image = None,
    gpu_resource: _GpuResource = None,
    keda: _Keda = None,
    json: JsonOption = False,
) -> None:
    """Change a cluster; what is not given stays."""
    client = client_of(context)
    fields = asked(
        locals(),
        *_READ,
        "client",
        "cluster",
        token=_token(token_file) or None,
        ca=_text(ca_file),
        kafka_bootstrap_servers=kafka,
    )
    changed = client.clusters.update(cluster_named(client, cluster).id, **fields)
    print_done(changed, f"cluster {changed.id} ({changed.name}) changed", json=json)


@app.command()
def delete(context: typer.Context, cluster: str) -> None:
    """Delete a cluster that has no inferences, and its token."""
    client = client_of(context)
    found = cluster_named(client, cluster)
    client.clusters.delete(found.id)
    console().print(f"cluster {found.id} ({found.name}) deleted")


@app.command()
def check(context: typer.Context, cluster: str, json: JsonOption = False) -> None:
    """Connect to a cluster and show what works there; fails when inferences cannot run."""
    from kafkaml.errors import FailedError

    client = client_of(context)
    found = client.clusters.check(cluster_named(client, cluster).id)
    if json:
        print_json(found)
    else:
        print_table(
            found.steps,
            [
                ("what", lambda step: step["name"]),
                ("", lambda step: styled_state("ok" if step["ok"] else "fail" if step["needed"] else "warn")),
                ("found", lambda step: ". ".join(filter(None, (step["detail"], step["hint"])))),
            ],
            nothing="nothing was tried",
        )
    if not found.ok:
        raise FailedError(f"inferences cannot run in cluster {cluster}")


def cluster_named(client: Client, name: str) -> ClusterName:
    """Return the cluster of that name or id; raises ApiError (404) that lists what there is."""
    from kafkaml.errors import ApiError

    clusters = client.clusters.names()
    for cluster in clusters:
        if name in (cluster.name, str(cluster.id)):
            return cluster
    known = ", ".join(cluster.name for cluster in clusters)
    raise ApiError(
        f"there is no cluster {name!r}: expected one of {known or 'none, because none was added'}", status=404
    )


def _token(path: Path | None) -> str:
    import os

    return (_text(path) or os.environ.get("KML_CLUSTER_TOKEN", "")).strip()


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}") from error

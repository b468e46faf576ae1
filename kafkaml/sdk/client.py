"""Client: every action of the API, as methods that return typed objects. Errors are kafkaml.errors.ApiError.

    with Client() as client:
        result = client.results.wait_for(7, RunState.FINISHED)

Without arguments it finds the platform of this machine (see ``ClientSettings``).
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from kafkaml.errors import ApiError, FailedError
from kafkaml.sdk import types
from kafkaml.sdk.connection import ClientSettings, Connection, ServerSentEvent
from kafkaml.sdk.waiting import wait_until

__all__ = ["Client"]

T = TypeVar("T", bound=BaseModel)
Run = TypeVar("Run", types.TrainingResult, types.Inference)


class Client:
    """One connection to a platform. Thread-safe; a context manager."""

    def __init__(self, url: str = "", token: str = "", *, transport: httpx.BaseTransport | None = None) -> None:
        if not (url and token):
            given = {name: value for name, value in (("url", url), ("token", token)) if value}
            url, token = ClientSettings(**given).resolve()  # type: ignore[arg-type]
        self._connection = Connection(url, token, transport=transport)
        self.url = url
        self.models = Models(self._connection)
        self.configurations = Configurations(self._connection)
        self.deployments = Deployments(self._connection)
        self.results = Results(self._connection)
        self.inferences = Inferences(self._connection)
        self.streams = Streams(self._connection)
        self.topics = Topics(self._connection)
        self.clusters = Clusters(self._connection)
        self.users = Users(self._connection)
        self.tokens = Tokens(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def system(self) -> dict[str, Any]:
        """Return what the platform says of itself: components, versions, isolation, broker."""
        document: dict[str, Any] = self._connection.request("GET", "/system/")
        return document

    def audit(self, **filters: object) -> list[types.AuditEntry]:
        """Return who did what, newest first."""
        return [types.AuditEntry.model_validate(each) for each in self._connection.pages("/audit/", filters)]

    def events(self, topics: Sequence[str], *, last_id: str = "") -> Iterator[ServerSentEvent]:
        """Iterate over live events of ``topics`` (results, inferences, ...) until the server closes the stream."""
        for event in self._connection.events(",".join(topics), last_id=last_id):
            if event is not None:
                yield event


class _Collection(Generic[T]):
    """What all nouns have in common."""

    path: str
    kind: type[T]

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, **filters: object) -> list[T]:
        """Return all that match, following pages; filters are those of the API (``search``, ``ordering``, ...)."""
        return [self.kind.model_validate(each) for each in self._connection.pages(self.path, filters)]

    def get(self, identifier: int | str) -> T:
        """Return one; ApiError with status 404 when there is none."""
        return self.kind.model_validate(self._connection.request("GET", f"{self.path}{identifier}/"))

    def delete(self, identifier: int | str) -> None:
        """Delete one; ApiError with status 409 names what still uses it, or says that it runs."""
        self._connection.request("DELETE", f"{self.path}{identifier}/")

    def _create(self, body: Mapping[str, object]) -> T:
        return self.kind.model_validate(self._connection.request("POST", self.path, body=_given(body)))

    def _patch(self, identifier: int | str, body: Mapping[str, object]) -> T:
        answer = self._connection.request("PATCH", f"{self.path}{identifier}/", body=_given(body))
        return self.kind.model_validate(answer)

    def _replace(self, identifier: int | str, body: Mapping[str, object]) -> T:
        """Change fields, to nothing where None is given."""
        return self.kind.model_validate(self._connection.request("PATCH", f"{self.path}{identifier}/", body=body))

    def _act(self, identifier: int | str, action: str, body: Mapping[str, object] | None = None) -> Any:
        return self._connection.request(
            "POST", f"{self.path}{identifier}/{action}/", body={} if body is None else _given(body)
        )


def _given(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if value is not None}


class Models(_Collection[types.Model]):
    """Sources of models."""

    path = "/models/"
    kind = types.Model

    def create(
        self,
        *,
        name: str,
        framework: str,
        code: str,
        imports: str = "",
        description: str = "",
        distributed: bool = False,
        upper_model: int | None = None,
    ) -> types.Model:
        """Check a model and keep it; ApiError names the line when its code does not run."""
        return self._create(
            {
                "name": name,
                "framework": framework,
                "code": code,
                "imports": imports,
                "description": description,
                "distributed": distributed,
                "upper_model": upper_model,
            }
        )

    def update(self, identifier: int, **changes: object) -> types.Model:
        """Change fields of a model; its code is checked again."""
        return self._patch(identifier, changes)

    def validate(self, *, framework: str, code: str, imports: str = "", distributed: bool = False) -> types.Validation:
        """Check a source without keeping it."""
        body = {"framework": framework, "code": code, "imports": imports, "distributed": distributed}
        return types.Validation.model_validate(self._connection.request("POST", f"{self.path}validate/", body=body))


class Configurations(_Collection[types.Configuration]):
    """Groups of models that train together."""

    path = "/configurations/"
    kind = types.Configuration

    def create(self, *, name: str, models: Sequence[int], description: str = "") -> types.Configuration:
        """Group models."""
        return self._create({"name": name, "models": list(models), "description": description})

    def update(self, identifier: int, **changes: object) -> types.Configuration:
        """Change fields."""
        return self._patch(identifier, changes)


class Deployments(_Collection[types.Deployment]):
    """Configurations put to work."""

    path = "/deployments/"
    kind = types.Deployment

    def create(
        self,
        *,
        configuration: int,
        batch_size: int = 32,
        tensorflow_fit_arguments: str = "",
        tensorflow_evaluation_arguments: str = "",
        pytorch_fit_arguments: str = "",
        pytorch_evaluation_arguments: str = "",
        confusion_matrix: bool = False,
        split: str | None = None,
        targets: str = "labels",
        seed: int | None = None,
        gpu: int = 0,
    ) -> types.Deployment:
        """Deploy; arguments are written as in a call, for example ``epochs=5, shuffle=True``.

        ``split`` ``"content"`` tests on random samples, ``"time"`` on the newest; None means content, or time where the
        fit arguments say ``shuffle=False``. With ``targets="features"`` the samples are their own labels
        (autoencoders).
        """
        return self._create(
            {
                "configuration": configuration,
                "batch_size": batch_size,
                "tensorflow_fit_arguments": tensorflow_fit_arguments,
                "tensorflow_evaluation_arguments": tensorflow_evaluation_arguments,
                "pytorch_fit_arguments": pytorch_fit_arguments,
                "pytorch_evaluation_arguments": pytorch_evaluation_arguments,
                "confusion_matrix": confusion_matrix,
                "split": split,
                "targets": targets,
                "seed": seed,
                "gpu": gpu,
            }
        )

    def stop(self, identifier: int) -> None:
        """Stop the trainings of a deployment that have not ended."""
        self._act(identifier, "stop")


class _Runs(_Collection[Run]):
    """Trainings and inferences: what runs, can be stopped and waited for."""

    topic: str

    def stop(self, identifier: int) -> None:
        """Ask it to stop."""
        self._act(identifier, "stop")

    def logs(self, identifier: int, *, offset: int = 0, replica: int | None = None) -> types.LogPart:
        """Return the log from byte ``offset`` (negative: from the end) on; works while it runs and afterwards."""
        params = {"offset": offset, "replica": replica}
        return types.LogPart.model_validate(
            self._connection.request("GET", f"{self.path}{identifier}/logs/", params=params)
        )

    def wait_for(
        self,
        identifier: int,
        state: types.RunState,
        *,
        timeout_seconds: float = 600,
        on_change: Callable[[Run], None] | None = None,
    ) -> Run:
        """Wait until it is in ``state`` and return it; each version seen on the way goes to ``on_change``.

        Raises FailedError with cause and hint when it fails or ends otherwise first, DeadlineExceeded when it takes
        too long. Driven by live events, with a look every few seconds in case one was missed.
        """

        def look() -> Run | None:
            current = self.get(identifier)
            if on_change is not None:
                on_change(current)
            if current.state == state:
                return current
            if current.state.ended and state != current.state:
                raise _ended_otherwise(self.topic, current)
            return None

        what = f"{self.topic.removesuffix('s')} {identifier} to be {state}"
        return wait_until(look, self._connection, topic=self.topic, what=what, timeout_seconds=timeout_seconds)


def _ended_otherwise(topic: str, run: types.TrainingResult | types.Inference) -> FailedError:
    cause = f": {run.failure.cause}" if run.failure else ""
    return FailedError(
        f"{topic.removesuffix('s')} {run.id} ({run.model_name or 'model'}) is {run.state}{cause}",
        hint=(run.failure.hint if run.failure else "") or f"kafka-ml {topic} logs {run.id}",
    )


class Results(_Runs[types.TrainingResult]):
    """Trainings and what came of them. They are deleted with their deployment."""

    path = "/results/"
    kind = types.TrainingResult
    topic = "results"

    def restart(self, identifier: int, *, stream: int | None = None) -> None:
        """Train again, on the same stream or on another; what the earlier training gave is deleted."""
        self._act(identifier, "restart", {"stream": stream})

    def download(
        self,
        identifier: int,
        folder: Path,
        *,
        names: Sequence[str] = (),
        on_progress: Callable[[types.Artifact, int], None] | None = None,
    ) -> list[Path]:
        """Write the trained model's files (all, or ``names``) into ``folder``; return their paths.

        ``on_progress`` is told of the file under way and how many of its bytes have come.
        """
        artifacts = {each.name: each for each in self.get(identifier).artifacts}
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name in list(names) or artifacts:
            if name not in artifacts:
                raise ApiError(
                    f"result {identifier} has no {name}: it has {', '.join(artifacts) or 'nothing yet'}", status=404
                )
            report = None if on_progress is None else partial(on_progress, artifacts[name])
            self._connection.download(f"{self.path}{identifier}/artifacts/{name}/", folder / name, on_progress=report)
            paths.append(folder / name)
        return paths

    def download_confusion_matrix(self, identifier: int, path: Path) -> None:
        """Write the confusion matrix as a PNG image."""
        self._connection.download(f"{self.path}{identifier}/confusion_matrix.png", path)


class Inferences(_Runs[types.Inference]):
    """Trained models that answer on topics."""

    path = "/inferences/"
    kind = types.Inference
    topic = "inferences"

    def restart(self, identifier: int) -> None:
        """Start it again where it stopped reading."""
        self._act(identifier, "restart")

    def create(
        self,
        *,
        result: int,
        input_topic: str,
        output_topic: str,
        replicas: int = 1,
        max_replicas: int | None = None,
        input_format: str | None = None,
        input_config: Mapping[str, object] | None = None,
        output_bootstrap_servers: str | None = None,
        output_timestamps: str | None = None,
        limit: float | None = None,
        upper_topic: str | None = None,
        gpu: int | None = None,
        cluster: int | None = None,
        visualization: Mapping[str, object] | None = None,
    ) -> types.Inference:
        """Serve a finished result; the format is the training stream's unless given.

        With ``max_replicas`` the lag chooses between ``replicas`` and that number. ``cluster`` is the id of another
        cluster (``client.clusters.names()``); None is the platform's own. Answers carry their record's time where the
        output topic keeps and takes it; with ``output_timestamps="written"`` that of their writing. ``limit`` and
        ``upper_topic`` are refused by this version.
        """
        return self._create(
            {
                "result": result,
                "input_topic": input_topic,
                "output_topic": output_topic,
                "replicas": replicas,
                "max_replicas": max_replicas,
                "input_format": input_format,
                "input_config": input_config,
                "output_bootstrap_servers": output_bootstrap_servers,
                "output_timestamps": output_timestamps,
                "limit": limit,
                "upper_topic": upper_topic,
                "gpu": gpu,
                "cluster": cluster,
                "visualization": visualization,
            }
        )

    def scale(self, identifier: int, replicas: int, *, max_replicas: int | None = None) -> types.Inference:
        """Change the number of replicas. ``max_replicas``: the lag chooses up to so many; 0: it chooses no more."""
        most = {} if max_replicas is None else {"max_replicas": max_replicas or None}
        return self._replace(identifier, {"replicas": replicas, **most})

    def set_view(self, identifier: int, view: Mapping[str, object] | None) -> types.Inference:
        """Set how predictions are shown live (``type``, ``labels``, ``average_window``, ...); None removes it."""
        return self._replace(identifier, {"visualization": view})

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

        A real record of the input topic. Waits ``timeout_seconds`` (at most 30) for the answer, and returns at most
        ``max_values`` of its numbers, in a flat list then.
        """
        body = {"sample": sample, "shape": shape, "timeout_seconds": timeout_seconds, "max_values": max_values}
        return types.Trial.model_validate(self._connection.request("POST", f"{self.path}{identifier}/try/", body=body))

    def dead_letters(self, identifier: int, *, limit: int = 50, before: str | None = None) -> types.DeadLetters:
        """Return the newest dead letters, or those before the cursor ``before`` of another page."""
        params = {"limit": limit, "before": before}
        return types.DeadLetters.model_validate(
            self._connection.request("GET", f"{self.path}{identifier}/dead_letters/", params=params)
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


class Streams(_Collection[types.Stream]):
    """Data streams that were announced."""

    path = "/streams/"
    kind = types.Stream

    def send(self, identifier: int, *, deployment: int) -> None:
        """Announce a stream again, to another deployment; its records are not copied."""
        self._act(identifier, "send", {"deployment": deployment})

    def announce(
        self,
        topic: str,
        *,
        deployment: int,
        input_format: str,
        input_config: Mapping[str, object] | None = None,
        partition: int | None = None,
        start: int | None = None,
        end: int | None = None,
        description: str = "",
        validation_rate: float = 0.1,
        test_rate: float = 0.1,
    ) -> dict[str, Any]:
        """Announce records that are in ``topic`` already: of one partition from ``start`` up to ``end``, else all.

        Asked again for the same, it announces nothing more. ApiError says what does not fit.
        """
        body = {
            "topic": topic,
            "deployment": deployment,
            "input_format": input_format,
            "input_config": dict(input_config or {}),
            "partition": partition,
            "start": start,
            "end": end,
            "description": description,
            "validation_rate": validation_rate,
            "test_rate": test_rate,
        }
        answer: dict[str, Any] = self._connection.request("POST", self.path, body=_given(body))
        return answer

    def refused(self) -> builtins.list[types.RefusedAnnouncement]:
        """Return announcements that could not be taken, newest first."""
        pages = self._connection.pages(f"{self.path}refused/", {})
        return [types.RefusedAnnouncement.model_validate(each) for each in pages]


class Topics:
    """Topics of the platform's cluster, and their committed records as people read them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, *, search: str = "", internal: bool = False) -> list[types.Topic]:
        """Return topics whose names hold ``search``; Kafka's own only when ``internal``."""
        found: list[types.Topic] = []
        while True:
            params = {"search": search, "internal": internal, "limit": 500, "offset": len(found)}
            page = self._connection.request("GET", "/topics/", params=params)
            found += [types.Topic.model_validate(each) for each in page["results"]]
            if not page["results"] or len(found) >= page["count"]:
                return found

    def get(self, name: str) -> types.Topic:
        """Return a topic with its partitions, users and readers; ApiError with status 404 when there is none."""
        return types.Topic.model_validate(self._connection.request("GET", f"/topics/{quote(name, safe='')}/"))

    def records(self, name: str, **query: object) -> types.RecordPage:
        """Return a page of records; ``query`` is that of the API.

        ``start`` (newest, oldest or an offset), ``timestamp`` (milliseconds), ``before``, ``after`` (cursors of another
        page), ``partition``, ``contains``, ``limit``, ``decoder`` (auto, text, json, hex, raw, avro, telegraf) and its
        settings ``data_type``, ``data_reshape``, ``label_type``, ``label_reshape``, ``data_scheme``, ``label_scheme``.
        """
        path = f"/topics/{quote(name, safe='')}/records/"
        return types.RecordPage.model_validate(self._connection.request("GET", path, params=query))


class Clusters(_Collection[types.Cluster]):
    """Other Kubernetes clusters that inferences may run in (admins only, but for their names)."""

    path = "/clusters/"
    kind = types.Cluster

    def names(self) -> Sequence[types.ClusterName]:
        """Return what there is to choose from; for everybody."""
        answer = self._connection.request("GET", f"{self.path}names/")
        return [types.ClusterName.model_validate(each) for each in answer]

    def create(
        self,
        *,
        name: str,
        host: str,
        token: str,
        namespace: str,
        ca: str = "",
        kafka_bootstrap_servers: str = "",
        backend_url: str = "",
        image: str = "",
        gpu_resource: str = "",
        keda: bool = False,
    ) -> types.Cluster:
        """Enter a cluster; the token of its service account is kept and never given out again."""
        return self._create(
            {
                "name": name,
                "host": host,
                "token": token,
                "namespace": namespace,
                "ca": ca,
                "kafka_bootstrap_servers": kafka_bootstrap_servers,
                "backend_url": backend_url,
                "image": image,
                "gpu_resource": gpu_resource,
                "keda": keda,
            }
        )

    def update(self, identifier: int, **changes: object) -> types.Cluster:
        """Change fields, or the token; with another ``host`` or ``ca`` the token must be given again."""
        return self._patch(identifier, changes)

    def check(self, identifier: int) -> types.ClusterCheck:
        """Connect, and return what works there and what does not."""
        return types.ClusterCheck.model_validate(self._act(identifier, "check"))


class Users(_Collection[types.User]):
    """People and their roles (admins only)."""

    path = "/users/"
    kind = types.User

    def create(self, *, username: str, password: str, role: str) -> types.User:
        """Add a person."""
        return self._create({"username": username, "password": password, "role": role})

    def update(self, identifier: int, **changes: object) -> types.User:
        """Change role, password or whether the person may log in."""
        return self._patch(identifier, changes)


class Tokens(_Collection[types.TokenRecord]):
    """Our own tokens for scripts."""

    path = "/tokens/"
    kind = types.TokenRecord

    def create(self, *, name: str, role: str = "editor", days: float = 30) -> types.TokenRecord:
        """Make a token that may do at most what ``role`` may; the answer is the only place where it can be read."""
        return self._create({"name": name, "role": role, "days": days})

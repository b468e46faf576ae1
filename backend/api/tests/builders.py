"""Rows for tests, as the services make them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from backend.accounts.models import Role, User
from backend.api.actors import SYSTEM
from backend.api.job_tokens import mint
from backend.configurations.models import Configuration
from backend.deployments import services as trainings
from backend.deployments import storage, transitions
from backend.deployments.arguments import read_arguments
from backend.deployments.models import Artifact, Deployment, TrainingResult
from backend.inferences import services as inferences
from backend.inferences.models import Inference
from backend.launchers.names import RunKind
from backend.ml_models.models import MLModel
from backend.runs import transitions as runs
from backend.streams import services as streams
from backend.streams.models import Announcement
from kafkaml.control import ControlMessage, deployment_id_to_key
from kafkaml.exit_samples import ExitSamples, TierSamples
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange
from kafkaml.wire.distributed import Exit
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.report import Finish

_counter = itertools.count(1)
SHA256 = "0" * 64


def make_user(role: Role = Role.EDITOR, **values: Any) -> User:
    return User.objects.create(username=f"user-{next(_counter)}", role=role, **values)


def make_model(**values: Any) -> MLModel:
    number = next(_counter)
    defaults = {"name": f"model {number}", "framework": "tensorflow", "code": "model = 1", "report": {"parameters": 1}}
    return MLModel.objects.create(**{**defaults, **values})


def make_chain(**values: Any) -> list[MLModel]:
    """The sub-models edge, fog and cloud, in this order."""
    chain: list[MLModel] = []
    for name, takes, gives in (("cloud", [64], [[10]]), ("fog", [64], [[64], [10]]), ("edge", [8, 8], [[64], [10]])):
        report = {
            "inputs": [{"name": "x", "shape": [None, *takes], "dtype": "float32"}],
            "outputs": [{"name": "y", "shape": [None, *shape], "dtype": "float32"} for shape in gives],
            "parameters": 1,
        }
        upper = chain[0] if chain else None
        defaults = {"name": f"{name} {next(_counter)}", "distributed": True, "upper_model": upper, "report": report}
        chain.insert(0, make_model(**{**defaults, **values}))
    return chain


def make_configuration(*models: MLModel) -> Configuration:
    configuration = Configuration.objects.create(name=f"configuration {next(_counter)}")
    configuration.models.set(models or [make_model()])
    return configuration


def make_deployment(
    *models: MLModel, arguments: Mapping[str, Mapping[str, str]] | None = None, **values: Any
) -> Deployment:
    return trainings.create_deployment(
        actor=SYSTEM, configuration=make_configuration(*models), arguments=read_arguments(arguments or {}), **values
    )


def make_stream(deployment_id: int | None = None, **values: Any) -> Announcement:
    message = ControlMessage(
        ranges=(StreamRange("digits", 0, 0, 100),),
        input_format=InputFormat.RAW,
        input_config={"data_type": "uint8", "data_reshape": "8 8"},
        validation_rate=0.1,
        total_msg=100,
    )
    defaults: dict[str, Any] = {
        "cluster": "test",
        "topic": "KAFKA_ML_CONTROL_TOPIC",
        "partition": 0,
        "offset": next(_counter),
        "timestamp_ms": 1_700_000_000_000,
        "key": deployment_id_to_key(deployment_id or 2**40),
        "value": message.to_bytes(),
    }
    return streams.register(**{**defaults, **values})[0]


def make_launched(*models: MLModel, **values: Any) -> TrainingResult:
    """A result whose first attempt was launched; of a chain that of the top."""
    deployment = make_deployment(*models, **values)
    make_stream(deployment.pk)
    result = deployment.results.get(leader=None)
    runs.register_attempt(TrainingResult, result.pk)
    runs.mark_launched(TrainingResult, result.pk, 1)
    result.refresh_from_db()
    return result


def make_artifact(result: TrainingResult, name: str = "model.keras", content: bytes = b"weights") -> Artifact:
    """A file of the result's current version; without one, of its attempt."""
    sha256 = hashlib.sha256(content).hexdigest()
    artifact = Artifact.objects.create(
        result=result,
        attempt=result.attempt,
        version=result.current_version,
        name=name,
        size=len(content),
        sha256=sha256,
    )
    path = storage.path_of(artifact)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return artifact


def outcome(**values: Any) -> TrainingOutcome:
    defaults: dict[str, Any] = {
        "seconds": 1.5,
        "samples": {"training": 80, "validation": 10, "test": 10},
        "test_metrics": {"accuracy": 0.95},
        "artifacts": {},
        "versions": {"keras": "3.15"},
        "code_sha256": SHA256,
        "slice_sha256": SHA256,
    }
    return TrainingOutcome(**{**defaults, **values})


def make_finished(*models: MLModel, **values: Any) -> TrainingResult:
    """A result with a trained model and a confusion matrix of two classes."""
    result = make_launched(*models, **values)
    make_artifact(result)
    finish(result, confusion_matrix=[[8, 1], [0, 9]], labels=["cat", "dog"])
    return result


def finish(result: TrainingResult, **values: Any) -> None:
    """Let a launched result finish with the files that were uploaded."""
    uploaded = dict(result.artifacts.filter(attempt=result.attempt, version=None).values_list("name", "sha256"))
    done = outcome(artifacts=uploaded, **values)
    assert transitions.mark_finished(result.pk, Finish(attempt=result.attempt, outcome=done))
    result.refresh_from_db()


def finish_chain(leader: TrainingResult, **exit_values: Any) -> None:
    """Let a launched chain of three finish, with samples: edge and fog are right where they are surer, cloud always."""
    right = np.array([True, True, False, False])
    tiers = [TierSamples(name, np.array([0.9, 0.8, 0.6, 0.5]), right) for name in ("edge", "fog")]
    samples = ExitSamples("test", (*tiers, TierSamples("cloud", np.full(4, 0.9), np.full(4, True))))
    make_artifact(leader, name="exits.json", content=samples.to_bytes())
    for part in leader.parts():
        found = Exit(**{"scores": "probabilities", "classes": 10, "upper_bytes": 256, **exit_values})
        files = dict(part.artifacts.filter(version=None).values_list("name", "sha256"))
        done = outcome(artifacts=files, exit=found)
        assert transitions.mark_finished(part.pk, Finish(attempt=1, outcome=done))


def make_inference(result: TrainingResult | None = None, **values: Any) -> Inference:
    number = next(_counter)
    defaults = {"input_topic": f"in-{number}", "output_topic": f"out-{number}"}
    return inferences.create_inference(actor=SYSTEM, result=result or make_finished(), **{**defaults, **values})


def job_header(kind: str, number: int, attempt: int = 1, **values: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {mint(RunKind(kind), number, attempt, **values)}"}

"""From nothing to predictions, the same for each example: models, a stream, training, inference, and how good it is.

``Classic`` is for examples whose data a sink sends. Other examples use its parts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from examples.live import LiveMetrics
from examples.running import console, heading, model_of
from examples.samples import Array, Samples
from examples.scripts import Load, Send, class_of
from kafkaml.errors import DeadLettered
from kafkaml.sdk import Client
from kafkaml.sdk.types import Deployment, Inference, Model, RunState, TrainingResult

__all__ = [
    "FRAMEWORKS",
    "Classic",
    "Effort",
    "Score",
    "code_of",
    "fit_arguments",
    "look_at",
    "models_of",
    "new_configuration",
    "say_scores",
    "score_of",
    "serve",
    "wait_all",
    "wait_running",
]

FRAMEWORKS = ("tensorflow", "pytorch")
# Patience in seconds, enough for a busy machine.
_TRAINING_SECONDS = 3600.0
_START_SECONDS = 300.0
_QUICK_ASKED = 20


@dataclass(frozen=True)
class Effort:
    """How much to do: in which ``frameworks``, and how thoroughly.

    ``quick`` shows the way with few samples and one epoch, and says nothing about the accuracy. ``offline`` downloads
    nothing.
    """

    frameworks: tuple[str, ...] = FRAMEWORKS
    quick: bool = False
    offline: bool = False


@dataclass(frozen=True)
class Score:
    """How good a model was on samples it had never seen, next to a baseline that needs no model.

    ``measure`` is ``accuracy``, of which more is better, or ``mean absolute error``, of which less is. ``constant`` is
    the score of always answering the most frequent class, or the median. ``samples`` is the number of answers, and
    ``inference`` the id of the inference that gave them.
    """

    framework: str
    measure: str
    value: float
    constant: float
    samples: int
    inference: int | None = None

    @property
    def better(self) -> bool:
        """Whether the model beats the constant answer."""
        return self.value > self.constant if self.measure == "accuracy" else self.value < self.constant


@dataclass(frozen=True)
class Classic:
    """An example that sends samples by a sink to a deployment of one model per framework.

    Its code is in ``model_tensorflow.py`` and ``model_pytorch.py`` of ``folder``. A quick run sends ``quick_count``
    samples and replaces ``quick_code`` in the code, so that a large model becomes a small one of the same kind.
    """

    name: str
    folder: Path
    topic: str
    load: Load
    send: Send
    batch_size: int = 32
    epochs: int = 5
    most: int | None = None
    confusion_matrix: bool = False
    asked: int = 300
    quick_count: int = 600
    quick_code: Mapping[str, str] = field(default_factory=dict)

    def run(self, client: Client, effort: Effort) -> Sequence[Score]:
        """Run the whole example and announce each step; returns the score of each framework."""
        heading(f"{self.name}: what it learns from")
        samples = self.samples(effort)
        models = models_of(client, self.name, self.folder, effort, quick_code=self.quick_code)
        deployment = self.deploy(client, models, samples, effort)
        results = wait_all(client, deployment)
        return self.serve(client, results, samples, effort)

    def samples(self, effort: Effort) -> Samples:
        """Load the samples, and say what they are."""
        samples = self.load(offline=effort.offline, count=self.quick_count if effort.quick else self.most)
        console.print(f"  {samples.what}", markup=False)
        return samples

    def deploy(self, client: Client, models: Sequence[Model], samples: Samples, effort: Effort) -> Deployment:
        """Deploy models in one configuration for training, and send them the samples."""
        heading("Deploy them in one configuration, and stream the training data to them")
        deployment = client.deployments.create(
            configuration=new_configuration(client, self.name, models),
            batch_size=self.batch_size,
            arguments=fit_arguments(models, epochs=1 if effort.quick else self.epochs),
            confusion_matrix=self.confusion_matrix,
            seed=1,
        )
        self.send(samples, deployment.id, client.kafka_settings().bootstrap_servers, self.topic)
        console.print(f"  {len(samples.labels):,} samples sent to topic {self.topic}, announced to {deployment.id}")
        return deployment

    def serve(self, client: Client, results: Sequence[TrainingResult], samples: Samples, effort: Effort) -> list[Score]:
        """Serve the trained models, ask them about samples that they have not seen, and say how good they are."""
        asked = _QUICK_ASKED if effort.quick else self.asked
        prefix = f"{self.topic}-{time.strftime('%H%M%S')}"
        return serve(client, results, samples, prefix=prefix, asked=asked, folder=self.folder)


def new_configuration(client: Client, name: str, models: Sequence[Model]) -> int:
    """Return the id of a new configuration, named for the example and the time."""
    name = f"{name} {time.strftime('%Y-%m-%d %H:%M:%S')}"
    return client.configurations.create(name=name, models=[model.id for model in models]).id


def fit_arguments(models: Sequence[Model], *, epochs: int) -> dict[str, dict[str, str]]:
    """Return the arguments of the frameworks that ``models`` are written in."""
    names = {"tensorflow": "epochs", "pytorch": "max_epochs"}
    return {model.framework: {"fit": f"{names[model.framework]}={epochs}, shuffle=True"} for model in models}


def code_of(folder: Path, framework: str, *, role: str = "", replaced: Mapping[str, str] | None = None) -> str:
    """Return the code of an example's model, as it is pasted into the form."""
    code = (folder / f"model_{role + '_' if role else ''}{framework}.py").read_text(encoding="utf-8")
    for old, new in (replaced or {}).items():
        assert old in code, f"{folder.name} has no {old!r} to replace"
        code = code.replace(old, new)
    return code


def models_of(
    client: Client, name: str, folder: Path, effort: Effort, *, quick_code: Mapping[str, str] | None = None
) -> list[Model]:
    """Return an example's models, checked and kept."""
    heading("Create the models")
    # A quick run makes a model of its own, because it must not change the large one.
    small = effort.quick and bool(quick_code)
    return [
        model_of(
            client,
            f"{name}-{framework}{'-quick' if small else ''}",
            framework,
            code_of(folder, framework, replaced=quick_code if small else None),
            description=f"of the example {name}",
        )
        for framework in effort.frameworks
    ]


def wait_all(client: Client, deployment: Deployment) -> list[TrainingResult]:
    """Show the trainings of a deployment until all have ended."""
    heading("Train, live")
    with LiveMetrics(console) as live:
        return [
            client.results.wait_for(
                result.id, RunState.FINISHED, timeout_seconds=_TRAINING_SECONDS, on_change=live.update
            )
            for result in deployment.results
        ]


def serve(
    client: Client, results: Sequence[TrainingResult], samples: Samples, *, prefix: str, asked: int, folder: Path
) -> list[Score]:
    """Serve trained results, ask them about unseen samples, and say how good they are."""
    features, labels = samples.held_out_features[:asked], samples.held_out_labels[:asked]
    heading(f"Deploy for inference, and predict {len(labels)} samples through Kafka that no model has seen")
    inferences = [
        client.inferences.create(
            result=training_result.id,
            input_topic=f"{prefix}-in",
            output_topic=f"{prefix}-{training_result.framework}-out",
        )
        for training_result in results
    ]
    scores = []
    for result, inference in zip(results, inferences, strict=True):
        wait_running(client, inference, folder)
        answers = client.inferences.predict_batch(inference.id, features)
        refused = next((answer for answer in answers if isinstance(answer, DeadLettered)), None)
        if refused is not None:
            raise refused
        values = [answer.values for answer in answers if not isinstance(answer, DeadLettered)]
        scores.append(score_of(result.framework, values, labels, samples, inference=inference.id))
    say_scores(scores, samples.real)
    look_at(client, results, inferences)
    return scores


def wait_running(client: Client, inference: Inference, folder: Path) -> None:
    """Wait until an inference answers, and set up its live view as in the example's ``visualization.json``."""
    started = client.inferences.wait_for(inference.id, RunState.RUNNING, timeout_seconds=_START_SECONDS)
    console.print(f"  inference {started.id} runs: {started.input_topic} -> {started.output_topic}")
    view = folder / "visualization.json"
    if view.exists():
        client.inferences.set_view(inference.id, json.loads(view.read_text(encoding="utf-8")))


def score_of(
    framework: str, values: Sequence[Array], labels: Array, samples: Samples, *, inference: int | None = None
) -> Score:
    """Compare answers, the values of one sample each, with the right ones and with the baseline."""
    if samples.classes:
        usual = np.bincount(samples.labels.reshape(-1).astype(np.int64)).argmax()
        said = np.array([class_of(value) for value in values])
        right = labels.reshape(-1).astype(np.int64)
        return Score(
            framework, "accuracy", float((said == right).mean()), float((right == usual).mean()), len(right), inference
        )
    # The baseline of a regression is the median of each number.
    middle = np.median(samples.labels, axis=0)
    errors = np.stack([value.reshape(labels.shape[1:]) for value in values]) - labels
    constant = float(np.abs(middle - labels).mean())
    return Score(framework, "mean absolute error", float(np.abs(errors).mean()), constant, len(labels), inference)


def say_scores(scores: Sequence[Score], real: bool) -> None:
    """Say how good the models are, and how far the numbers can be trusted."""
    heading("How good they are")
    for score in scores:
        verdict = "[green]better[/]" if score.better else "[yellow]no better[/]"
        always = "the most frequent class" if score.measure == "accuracy" else "the median"
        console.print(
            f"  {score.framework:10} {score.measure} [bold]{score.value:.4g}[/] on {score.samples} samples: "
            f"{verdict} than always answering {always} ({score.constant:.4g})"
        )
    if not real:
        console.print(
            "  [yellow]These are not the data that the example is named for: the score says nothing of them.[/]"
        )


def look_at(client: Client, results: Sequence[TrainingResult], inferences: Sequence[Inference]) -> None:
    """Say where to look now, and how to end it."""
    heading("Look at")
    url = client.url.rstrip("/")
    if results:
        console.print(f"  {url}/results/{results[0].id}   curves, test, lineage, files", soft_wrap=True)
    if inferences:
        last = inferences[0]
        console.print(f"  {url}/inference/{last.id}   what it reads and answers; Try it", soft_wrap=True)
        console.print(f"  {url}/visualise/{last.id}   predictions as they come", soft_wrap=True)
        for inference in inferences:
            console.print(f"  kafka-ml inferences stop {inference.id}   ends what serves", soft_wrap=True)

"""The whole way of ``kafka-ml examples run river_soft_sensor``: one topic, two data sets of it, and the median.

The seminar's third part scales to 0..1, and a few absurd values squeeze all others together. The other data set leaves
them out by SQL and scales by median and quartiles. Neither beats the median by much, because the four measurements
hardly determine nitrate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from examples.journey import (
    Effort,
    Score,
    fit_arguments,
    look_at,
    models_of,
    new_configuration,
    say_scores,
    wait_all,
    wait_running,
)
from examples.river_soft_sensor.data import FIELDS, measurements
from examples.running import console, heading
from examples.topics import answers_of, create_topic, write
from kafkaml.sdk import Client
from kafkaml.sdk.types import Dataset, Model, TrainingResult

FOLDER = Path(__file__).parent
_COUNT, _QUICK_COUNT = 6000, 1000
_LIVE, _QUICK_LIVE = 400, 40
_EPOCHS = 8
# Measurements above these values are impossible for a river.
_MOST = 20_000


def contract(*, careful: bool) -> dict[str, Any]:
    """Return the contract: all records scaled to 0..1, or the ``careful`` one."""
    columns: list[dict[str, object]] = [
        {
            "name": name,
            "expression": f"CASE WHEN {name} < {_MOST} THEN {name} END" if careful else name,
            "scaling": "robust" if careful else "min_max",
        }
        for name in FIELDS
    ]
    return {
        "format": "JSON",
        "fields": [{"path": [name], "kind": "number"} for name in (*FIELDS, "nitrate")],
        "columns": columns,
        "labels": [{"name": "nitrate", "expression": "nitrate", "kind": "number"}],
    }


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Train the same models on both data sets, compare them with the median, and serve those of the careful one."""
    heading("River: a topic of measurements (GENERATED, as hard as the real ones)")
    topic = topic_of_measurements(client, effort)
    models = models_of(client, "river_soft_sensor", FOLDER, effort)
    results: dict[str, list[TrainingResult]] = {}
    for name, careful in (("0..1 as they come", False), ("absurd ones left out, robust", True)):
        dataset = dataset_of(client, topic, careful=careful)
        heading(f"Data set {dataset.id} of the same records: {name}")
        results[name] = train(client, models, dataset, effort)
    compare(results)
    return serve(client, list(results.values())[-1], topic, effort)


def topic_of_measurements(client: Client, effort: Effort) -> str:
    """Make a topic, write measurements into it as JSON, and return its name."""
    kafka = client.kafka_settings().bootstrap_servers
    topic = f"river-{time.strftime('%H%M%S')}"
    create_topic(kafka, topic)
    written = write(kafka, topic, measurements(_QUICK_COUNT if effort.quick else _COUNT))
    console.print(f"  {written:,} measurements in {topic}, as JSON; a few have a value of millions")
    return topic


def dataset_of(client: Client, topic: str, *, careful: bool) -> Dataset:
    """Make a data set of the topic: of all its records, or the ``careful`` one."""
    return client.datasets.create(
        name=f"{topic}-{'careful' if careful else 'as-it-comes'}",
        topic=topic,
        contract=contract(careful=careful),
        test_rate=0.2,
        description="measurements of rivers (generated)",
    )


def train(client: Client, models: Sequence[Model], dataset: Dataset, effort: Effort) -> list[TrainingResult]:
    """Train all models on a data set, and show their progress."""
    deployment = client.deployments.create(
        configuration=new_configuration(client, dataset.name, models),
        dataset=dataset.id,
        batch_size=64,
        arguments=fit_arguments(models, epochs=1 if effort.quick else _EPOCHS),
        seed=1,
    )
    return wait_all(client, deployment)


def compare(results: Mapping[str, Sequence[TrainingResult]]) -> None:
    """Say the error of each model on the test part, and that of the median."""
    heading("Mean absolute error of nitrate, mg/l, on the test part; and that of always answering the median")
    for name, trained in results.items():
        for result in trained:
            baseline = result.outcome.baseline if result.outcome else None
            errors = {str(measure): value for measure, value in result.scores.items()}
            constant = {str(measure): value for measure, value in (baseline.scores if baseline else {}).items()}
            error, median = (metrics["mean_absolute_error"] for metrics in (errors, constant))
            console.print(f"  {name:28} {result.framework:10} [bold]{error:.3f}[/]  median {median:.3f}")


def serve(client: Client, results: Sequence[TrainingResult], topic: str, effort: Effort) -> list[Score]:
    """Serve the trained models, and say their error on new measurements, which have no nitrate."""
    heading("Serve those of the careful data set: new measurements have no nitrate")
    kafka = client.kafka_settings().bootstrap_servers
    source = f"{topic}-live"
    create_topic(kafka, source)
    inferences = [
        client.inferences.create(
            result=training_result.id,
            input_topic=source,
            output_topic=f"{topic}-{training_result.framework}",
            include=["_timestamp"],
        )
        for training_result in results
    ]
    for served in inferences:
        wait_running(client, served, FOLDER)
    sent = list(measurements(_QUICK_LIVE if effort.quick else _LIVE, seed=2, labelled=False, absurd=False))
    write(kafka, source, sent)
    truth = {measurement.timestamp_ms: measurement.nitrate for measurement in sent}
    median = float(np.median([measurement.nitrate for measurement in measurements(_QUICK_COUNT)]))
    scores = []
    for result, inference in zip(results, inferences, strict=True):
        answers = list(answers_of(kafka, inference.output_topic, len(sent)))
        nitrate = np.array([truth[answer["include"]["_timestamp"]] for answer in answers])
        said = np.array([answer["values"][0] for answer in answers])
        errors = float(np.abs(said - nitrate).mean()), float(np.abs(median - nitrate).mean())
        scores.append(Score(result.framework, "mean absolute error", *errors, len(answers), inference.id))
    say_scores(scores, real=False)
    look_at(client, results, inferences)
    return scores

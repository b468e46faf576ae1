"""The whole way of ``kafka-ml examples run flights_malaga``: where aircraft go, judged by how they fly, on
a live map.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from examples.flights_malaga.data import Report, reports
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
from examples.running import console, heading
from examples.scripts import class_of
from examples.topics import answers_of, create_topic, write
from kafkaml.sdk import Client
from kafkaml.sdk.types import TrainingResult

_FOLDER = Path(__file__).parent
_STEPS, _QUICK_STEPS = 400, 60
_LIVE, _QUICK_LIVE = 20, 2
_EPOCHS = 5
_NUMBERS = ("lat", "lon", "altitude", "speed", "rateOfClimb", "bearing")


def contract() -> dict[str, Any]:
    """Return the contract that turns a report into a sample.

    The position comes first and unscaled, because the map reads it there. The split keeps each flight in one part, so
    the test is of flights that were never seen.
    """
    expressions = {
        **{name: name for name in _NUMBERS[:-1]},
        "north": "COS(RADIANS(bearing))",
        "east": "SIN(RADIANS(bearing))",
    }
    label = "CASE WHEN destination = 'AGP' THEN 'lands at Malaga' ELSE 'goes elsewhere' END"
    return {
        "format": "JSON",
        "fields": [
            *({"path": [name], "kind": "number"} for name in _NUMBERS),
            {"path": ["destination"], "kind": "text"},
        ],
        "columns": [{"name": name, "expression": expression} for name, expression in expressions.items()],
        "labels": [{"name": "lands", "expression": label, "kind": "class"}],
        "split": "key",
    }


def run(client: Client, effort: Effort) -> Sequence[Score]:
    """Train on reports with a known destination, and predict it for those without."""
    heading("Flights around Malaga (GENERATED: there are no such flights)")
    kafka = client.kafka_settings().bootstrap_servers
    topic = f"flights-{time.strftime('%H%M%S')}"
    create_topic(kafka, topic)
    history = [report for moment in reports(_QUICK_STEPS if effort.quick else _STEPS) for report in moment]
    written = write(kafka, topic, history)
    console.print(f"  {written:,} reports of {len({report.key for report in history})} flights in {topic}, as JSON")
    models = models_of(client, "flights_malaga", _FOLDER, effort)
    dataset = client.datasets.create(
        name=topic, topic=topic, contract=contract(), test_rate=0.2, description="reports of a radar (generated)"
    )
    console.print(f"  data set {dataset.id} [bold]{dataset.name}[/]: does it land here? The destination is the label")
    deployment = client.deployments.create(
        configuration=new_configuration(client, dataset.name, models),
        dataset=dataset.id,
        batch_size=64,
        arguments=fit_arguments(models, epochs=1 if effort.quick else _EPOCHS),
        confusion_matrix=True,
        seed=1,
    )
    results = wait_all(client, deployment)
    usual = np.mean([report.lands for report in history]) > 0.5
    live = [
        report
        for moment in reports(_QUICK_LIVE if effort.quick else _LIVE, seed=2, destinations=False)
        for report in moment
    ]
    return _serve(client, results, kafka, topic, live, usual=bool(usual))


def _serve(
    client: Client, results: Sequence[TrainingResult], kafka: str, topic: str, live: Sequence[Report], *, usual: bool
) -> list[Score]:
    heading("Serve both: live reports, whose destination nobody knows, as points on a map")
    source = f"{topic}-live"
    create_topic(kafka, source)
    inferences = [
        client.inferences.create(
            result=training_result.id,
            input_topic=source,
            output_topic=f"{topic}-{training_result.framework}",
            include=["_key", "_timestamp"],
        )
        for training_result in results
    ]
    for served in inferences:
        wait_running(client, served, _FOLDER)
    write(kafka, source, live)
    truth = {(report.key.decode(), report.timestamp_ms): report.lands for report in live}
    scores = []
    for result, inference in zip(results, inferences, strict=True):
        answers = list(answers_of(kafka, inference.output_topic, len(live)))
        # The second class is "lands at Malaga", because classes are sorted by name.
        says = np.array([class_of(answer["values"]) == 1 for answer in answers])
        lands = np.array([truth[tuple(answer["include"].values())] for answer in answers])
        right = float((says == lands).mean()), float((lands == usual).mean())
        scores.append(Score(result.framework, "accuracy", *right, len(answers), inference.id))
    say_scores(scores, real=False)
    look_at(client, results, inferences)
    program = "python examples/flights_malaga/flights_to_kafka.py"
    console.print(f"  {program} --bootstrap-servers {kafka} --topic {source}   keeps the map moving", soft_wrap=True)
    return scores

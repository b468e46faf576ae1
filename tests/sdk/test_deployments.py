"""Arguments of a new deployment, as one map or by short names."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kafkaml.sdk import Client
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.incremental import Incremental


@pytest.fixture
def client() -> tuple[Client, list[dict[str, Any]]]:
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(201, json={"id": 1, "configuration": 1, "batch_size": 32, "state": "waiting"})

    return Client("http://platform", "t" * 20, transport=httpx.MockTransport(answer)), sent


def test_short_names_are_places_of_the_map(client: tuple[Client, list[dict[str, Any]]]) -> None:
    client[0].deployments.create(
        configuration=1,
        arguments={"tensorflow": {"fit": "epochs=1"}},
        tensorflow_evaluation_arguments="steps=2",
        pytorch_fit_arguments="max_epochs=3",
    )
    assert client[1][0]["arguments"] == {
        "tensorflow": {"fit": "epochs=1", "evaluation": "steps=2"},
        "pytorch": {"fit": "max_epochs=3"},
    }


def test_a_name_that_means_nothing_is_refused(client: tuple[Client, list[dict[str, Any]]]) -> None:
    with pytest.raises(TypeError, match="did you mean pytorch_fit_arguments"):
        client[0].deployments.create(configuration=1, pytorch_fit_argument="max_epochs=3")
    with pytest.raises(TypeError, match="arguments are tensorflow_fit_arguments"):
        client[0].deployments.create(configuration=1, x="1")
    assert client[1] == []


def test_settings_of_incremental_training_mean_its_mode(client: tuple[Client, list[dict[str, Any]]]) -> None:
    client[0].deployments.create(configuration=1, incremental={"indefinite": True})
    client[0].deployments.create(configuration=1, incremental=Incremental(window_records=5))
    client[0].deployments.create(configuration=1)
    assert [(body["mode"], body.get("incremental")) for body in client[1]] == [
        ("incremental", {"indefinite": True}),
        ("incremental", {"window_records": 5}),
        ("classic", None),
    ]


def test_chains_are_trained_with_what_is_asked_for(client: tuple[Client, list[dict[str, Any]]]) -> None:
    client[0].deployments.create(configuration=1, chain={"optimizer": "sgd"})
    client[0].deployments.create(configuration=1, chain=ChainTraining(loss_weights={"edge": 0.5}))
    client[0].deployments.create(configuration=1)
    assert client[1][0]["chain"] == {"optimizer": "sgd"}
    assert client[1][1]["chain"]["loss_weights"] == {"edge": 0.5}
    assert client[1][2].get("chain") is None

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kafkaml.confidence import confidences
from kafkaml.wire.distributed import ChainTraining, Scores, SubModel
from kafkaml.wire.training import TrainingPlan
from model_training.chain import ChainMetrics, chain_params
from model_training.exits import predicted_classes, scores_kind, temperature
from model_training.labels import LabelKind
from tests.model_training.test_classic import PLAN


def chain_of(*names: str, metrics: tuple[str, ...] = ("mae", "f1")) -> TrainingPlan:
    parts = tuple(
        SubModel(result_id=number, model_name=name, code=name, imports="", loss_weight=number + 1)
        for number, name in enumerate(names)
    )
    return PLAN.model_copy(update={"chain": parts, "chain_training": ChainTraining(metrics=metrics)})


def test_metrics_are_matched_by_whole_names_also_where_one_begins_like_another() -> None:
    metrics = ChainMetrics(chain_of("model", "model_loss", "model_edge"))
    reported = {
        "loss": 6.0,
        "model_loss": 1.0,
        "model_mae": 0.1,
        "model_f1_0": 0.3,
        "model_f1_1": 0.4,
        "model_loss_loss": 2.0,
        "model_loss_mae": 0.2,
        "model_edge_loss": 3.0,
        "model_edge_mae": 0.5,
    }
    assert metrics.of(0, reported) == {"loss": 1.0, "mae": 0.1, "f1_0": 0.3, "f1_1": 0.4}
    assert metrics.of(1, reported) == {"loss": 2.0, "mae": 0.2}
    assert metrics.of(2, reported) == {"loss": 3.0, "mae": 0.5, "total_loss": 6.0}
    assert metrics.monitored(reported) == {"loss": 6.0, "mae": 0.5, "total_loss": 6.0}
    assert metrics.of(1, {}) == {}


def test_names_that_no_layer_can_bear_are_changed_and_stay_apart() -> None:
    built = chain_params(chain_of("my édge!", "my/dge", "123", "?"))["chain"]
    names = [part["name"] for part in built]
    assert len(set(names)) == 4
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)
    assert [part["loss_weight"] for part in built] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("scores", "loss", "kind"),
    [
        ([[0.2, 0.8]], LabelKind.CLASSES, Scores.PROBABILITIES),
        ([[0.3], [1.0]], LabelKind.BINARY, Scores.PROBABILITIES),
        ([[2.0, -1.0]], LabelKind.CLASSES, Scores.LOGITS),
        ([[-0.1, -2.4]], LabelKind.ONE_HOT, Scores.LOGITS),
        ([[0.5]], LabelKind.NUMBERS, Scores.VALUES),
    ],
)
def test_what_scores_are_is_seen_by_their_values(scores: Any, loss: LabelKind, kind: Scores) -> None:
    assert scores_kind(np.array(scores), loss) is kind


def test_the_class_of_one_unit_is_the_likelier_side() -> None:
    assert predicted_classes(np.array([[0.4], [0.6]]), Scores.PROBABILITIES).tolist() == [0, 1]
    assert predicted_classes(np.array([[-0.1], [0.4]]), Scores.LOGITS).tolist() == [0, 1]


@pytest.mark.parametrize("kind", [Scores.LOGITS, Scores.PROBABILITIES])
@pytest.mark.parametrize("width", [1, 3])
def test_the_temperature_undoes_what_made_an_exit_too_sure(kind: Scores, width: int) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (4000, width))
    rows = np.concatenate([np.zeros_like(logits), logits], axis=1) if width == 1 else logits
    true = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
    classes = (random.random((4000, 1)) > true.cumsum(axis=1)).sum(axis=1)
    # The logits are three times too large, so the exit is overconfident.
    scores = 3 * logits
    if kind is Scores.PROBABILITIES:
        powers = np.exp(3 * rows) / np.exp(3 * rows).sum(axis=1, keepdims=True)
        scores = powers[:, 1:] if width == 1 else powers
    found = temperature(scores, classes, kind)
    assert found == pytest.approx(3, rel=0.1)
    sure = confidences(scores, scores=kind, temperature=found)
    right = predicted_classes(scores, kind) == classes
    assert sure.mean() == pytest.approx(right.mean(), abs=0.02)
    assert confidences(scores, scores=kind).mean() > right.mean() + 0.1


def test_without_samples_or_classes_there_is_no_temperature() -> None:
    none = np.zeros(0, np.int64)
    assert temperature(np.zeros((0, 3)), none, Scores.LOGITS) == 1
    assert temperature(np.ones((4, 1)), np.zeros(4, np.int64), Scores.VALUES) == 1
    assert temperature(np.full((4, 2), np.nan), np.zeros(4, np.int64), Scores.LOGITS) == 1

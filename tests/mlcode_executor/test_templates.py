"""The real executors accept the web UI's templates of models unchanged and without warnings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from examples.digits import model as demo
from kafkaml.frameworks import FRAMEWORKS, FrameworkDescriptor, Purpose
from kafkaml.wire.framework import Framework
from tests.mlcode_executor.conftest import StartProcess
from tests.mlcode_executor.sources import tutorial_code

_FOLDER = Path(__file__).parents[2] / "frontend/src/features/models/templates"


_TIERS: dict[str, tuple[int, ...]] = {"edge": (28, 28), "fog": (64,), "cloud": (64,)}


@dataclass(frozen=True)
class Template:
    """A template, and the shape of a sample that it takes."""

    name: str
    code: str
    framework: Framework
    sample: tuple[int, ...]

    def __str__(self) -> str:
        return self.name


def _of(path: Path) -> Template:
    kind, handler = path.stem.split("_")
    (framework,) = (known.name for known in FRAMEWORKS.values() if known.handler == handler)
    sample = {"cnn": (28, 28), "mnist": (28, 28), "regression": (8,)}.get(kind, _TIERS.get(kind))
    assert sample is not None
    return Template(path.stem, path.read_text(encoding="utf-8"), framework, sample)


TEMPLATES = [
    *(_of(path) for path in sorted(_FOLDER.glob("*.py"))),
    *(
        Template(f"{tier}_pytorch", tutorial_code(f"{tier}_pytorch"), Framework.PYTORCH, sample)
        for tier, sample in _TIERS.items()
    ),
    Template("digits_keras", demo.KERAS, Framework.TENSORFLOW, (8, 8)),
    Template("digits_pytorch", demo.PYTORCH, Framework.PYTORCH, (8, 8)),
]


@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_a_template_is_accepted_and_trains(template: Template, start_model: StartProcess) -> None:
    model = start_model(template.framework)
    distributed = template.name.startswith(("edge", "fog", "cloud"))
    report = model.call("build", {"code": template.code, "imports": "", "seed": 1, "distributed": distributed})
    assert report["warnings"] == []
    assert report["parameters"] > 0
    if distributed:
        return
    random = np.random.default_rng(0)
    features = random.integers(0, 255, (20, *template.sample), dtype=np.uint8)
    labels = random.integers(0, 10, 20).astype(np.uint8)
    if template.name.startswith("regression"):
        features, labels = features.astype(np.float32), labels.astype(np.float32)[:, None]
    fit = FRAMEWORKS[template.framework].arguments[Purpose.FIT]
    (epochs,) = (
        name
        for name in fit.accepted
        if fit.in_common_names({name: 1}) == {"epochs": 1} and not fit.accepted[name].alias_of
    )
    result = model.call(
        "fit",
        {"batch_size": 10, "arguments": {epochs: 1}, "seed": 1},
        train_features=features,
        train_labels=labels,
    )
    assert np.isfinite(result["history"]["loss"]).all()


@pytest.mark.parametrize(
    "framework", [known for known in FRAMEWORKS.values() if known.chain], ids=lambda known: known.name
)
def test_the_tiers_make_a_chain_that_trains(framework: FrameworkDescriptor, start_model: StartProcess) -> None:
    codes = {template.name: template.code for template in TEMPLATES}
    chain = [
        {"name": name, "code": codes[f"{name}_{framework.handler}"], "imports": "", "loss_weight": 1.0}
        for name in ("edge", "fog", "cloud")
    ]
    training = {
        "optimizer": "adam",
        "learning_rate": 0.001,
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["sparse_categorical_accuracy"],
    }
    model = start_model(framework.name)
    report = model.call("build", {"chain": chain, "chain_training": training, "seed": 1})
    assert report["warnings"] == []
    random = np.random.default_rng(0)
    shape = (28, 28, 1) if framework.exact_inputs else (28, 28)
    answer = model.call(
        "partial_fit",
        {"batch_size": 10, "arguments": {}},
        train_features=random.integers(0, 255, (20, *shape), dtype=np.uint8),
        train_labels=random.integers(0, 10, 20).astype(np.uint8),
    )
    assert {"edge_loss", "fog_loss", "cloud_loss"} < set(answer["metrics"])

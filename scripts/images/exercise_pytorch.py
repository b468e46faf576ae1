"""The part of exercise.py for PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

# Modules that the runtime imports before and during its first request.
MODULES = [
    *("torch", "torch._dynamo", "torch.optim", "ignite.engine", "ignite.metrics"),
    *("safetensors.torch", "onnxruntime", "onnxscript", "torch.onnx"),
]


def exercise(folder: Path, samples: Any, labels: Any, same: Callable[[Path, Any, Any], None]) -> None:
    """Train, store, load, convert by both exporters."""
    import torch
    from ignite.engine import Engine, Events, create_supervised_evaluator, create_supervised_trainer
    from ignite.metrics import Accuracy, Loss
    from safetensors.torch import load_model, save_model

    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(100, 4),
    )
    features, classes = torch.from_numpy(samples).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
    loss = nn.CrossEntropyLoss()
    trainer = create_supervised_trainer(model, torch.optim.Adam(model.parameters()), loss)
    evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy(), "loss": Loss(loss)})

    @trainer.on(Events.EPOCH_COMPLETED)
    def _evaluate(_engine: Engine) -> None:
        evaluator.run([(features, classes)])

    trainer.run([(features, classes)], max_epochs=1)
    recurrent = nn.LSTM(12, 4, batch_first=True)
    recurrent(features[:, 0])[0].sum().backward()
    torch.linalg.solve(torch.eye(3), torch.ones(3))
    torch.fft.rfft(features)
    torch.cuda.is_available()
    model.eval()
    save_model(model, str(folder / "model.safetensors"))
    load_model(model, folder / "model.safetensors")
    _export(model, features, folder / "model.onnx", same)


def _export(model: Any, features: Any, path: Path, same: Callable[[Path, Any, Any], None]) -> None:
    import torch

    with torch.no_grad():
        expected = model(features).numpy()
    axes = {"features": {0: "batch"}, "output": {0: "batch"}}
    torch.onnx.export(
        model,
        (features[:2],),
        str(path),
        input_names=["features"],
        output_names=["output"],
        dynamic_axes=axes,
        opset_version=18,
        dynamo=False,
    )
    same(path, features.numpy(), expected)
    shapes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(
        model,
        (features[:2],),
        str(path),
        input_names=["features"],
        dynamic_shapes=shapes,
        opset_version=18,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    same(path, features.numpy(), expected)

"""Uses a framework as the platform does, as an image is built or ``.venv`` filled: ``exercise.py tensorflow|pytorch``.

A model is trained, stored, read back, converted to ONNX and run there. That proves that nothing was left out that is
needed, and Python compiles the modules it imports, once: model processes cannot write, so they would compile at each
start. Knows nothing of our own code, whose changes would otherwise build this layer again.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

# What our runtimes import before the first request, and what they import for it.
MODULES = {
    "tensorflow": [
        *("tensorflow", "keras", "h5py", "tf2onnx", "keras.src.export.onnx", "onnxruntime"),
        *("rich.console", "rich.table", "rich._emoji_codes"),
    ],
    "pytorch": [
        *("torch", "torch._dynamo", "torch.optim", "ignite.engine", "ignite.metrics"),
        *("safetensors.torch", "onnxruntime", "onnxscript", "torch.onnx"),
    ],
}
# What the services around them import.
SERVICES = [
    *("confluent_kafka", "confluent_kafka.admin", "fastavro", "httpx", "orjson", "psutil", "pydantic_settings"),
    *("rich.console", "stamina", "structlog", "uvicorn", "uvicorn.lifespan.off", "uvicorn.protocols.http.h11_impl"),
    *("sklearn.metrics", "PIL.Image"),
]

_FEATURES = np.linspace(0, 1, 64 * 12 * 12, dtype=np.float32).reshape(64, 12, 12, 1)
_LABELS = np.arange(64) % 4


def _same(path: Path, features: Any, expected: Any) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: features})
    np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-4)


def exercise_tensorflow(folder: Path) -> None:
    """Train, store, load, convert."""
    import keras
    import tensorflow as tf
    import tf2onnx
    from keras.src.export.onnx import patch_tf2onnx

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary(print_fn=lambda _line: None)
    model.fit(_FEATURES, _LABELS, validation_split=0.25, epochs=1, verbose=0)
    model.evaluate(_FEATURES, _LABELS, verbose=0)
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    expected = model.predict(_FEATURES, verbose=0)
    np.testing.assert_allclose(loaded.predict(_FEATURES, verbose=0), expected, rtol=1e-4, atol=1e-5)
    recurrent = keras.Sequential([keras.Input((12, 12)), layers.LSTM(4), layers.Dense(1)])
    recurrent.compile(optimizer="sgd", loss="mse")
    recurrent.fit(_FEATURES[..., 0], _LABELS, epochs=1, verbose=0)
    patch_tf2onnx()
    signature = [tf.TensorSpec((None, 12, 12, 1), tf.float32, name="features")]
    answer = tf.function(lambda features: model(features, training=False), input_signature=signature, autograph=False)
    tf2onnx.convert.from_function(answer, signature, opset=18, output_path=str(folder / "model.onnx"))
    _same(folder / "model.onnx", _FEATURES, expected)


def exercise_pytorch(folder: Path) -> None:
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
    features, labels = torch.from_numpy(_FEATURES).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(_LABELS)
    loss = nn.CrossEntropyLoss()
    trainer = create_supervised_trainer(model, torch.optim.Adam(model.parameters()), loss)
    evaluator = create_supervised_evaluator(model, metrics={"accuracy": Accuracy(), "loss": Loss(loss)})

    @trainer.on(Events.EPOCH_COMPLETED)
    def _evaluate(_engine: Engine) -> None:
        evaluator.run([(features, labels)])

    trainer.run([(features, labels)], max_epochs=1)
    recurrent = nn.LSTM(12, 4, batch_first=True)
    recurrent(features[:, 0])[0].sum().backward()
    torch.linalg.solve(torch.eye(3), torch.ones(3))
    torch.fft.rfft(features)
    torch.cuda.is_available()
    model.eval()
    save_model(model, str(folder / "model.safetensors"))
    load_model(model, folder / "model.safetensors")
    _export_from_torch(model, features, folder / "model.onnx")


def _export_from_torch(model: Any, features: Any, path: Path) -> None:
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
    _same(path, features.numpy(), expected)
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
    _same(path, features.numpy(), expected)


def main(framework: str) -> None:
    """Import all that is listed, then work with it."""
    for name in [*SERVICES, *MODULES[framework]]:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        {"tensorflow": exercise_tensorflow, "pytorch": exercise_pytorch}[framework](Path(folder))


if __name__ == "__main__":
    main(sys.argv[1])

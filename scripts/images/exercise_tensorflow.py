"""The part of exercise.py for TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

# TensorFlow logs errors only.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
# Modules that the runtime imports before and during its first request.
MODULES = [
    *("tensorflow", "keras", "h5py", "tf2onnx", "keras.src.export.onnx", "onnxruntime"),
    *("rich.console", "rich.table", "rich._emoji_codes"),
]


def exercise(folder: Path, samples: Any, labels: Any, same: Callable[[Path, Any, Any], None]) -> None:
    """Train, store, load, convert."""
    import keras
    import numpy as np
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
    model.fit(samples, labels, validation_split=0.25, epochs=1, verbose=0)
    model.evaluate(samples, labels, verbose=0)
    model.save(folder / "model.keras")
    loaded = keras.saving.load_model(folder / "model.keras")
    expected = model.predict(samples, verbose=0)
    np.testing.assert_allclose(loaded.predict(samples, verbose=0), expected, rtol=1e-4, atol=1e-5)
    recurrent = keras.Sequential([keras.Input((12, 12)), layers.LSTM(4), layers.Dense(1)])
    recurrent.compile(optimizer="sgd", loss="mse")
    recurrent.fit(samples[..., 0], labels, epochs=1, verbose=0)
    patch_tf2onnx()
    signature = [tf.TensorSpec((None, 12, 12, 1), tf.float32, name="features")]
    answer = tf.function(lambda features: model(features, training=False), input_signature=signature, autograph=False)
    tf2onnx.convert.from_function(answer, signature, opset=18, output_path=str(folder / "model.onnx"))
    same(folder / "model.onnx", samples, expected)

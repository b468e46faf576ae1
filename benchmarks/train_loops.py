"""The loops that training (P3) is measured against, each in a process of its own: ``python -m benchmarks.train_loops``.

``reference`` trains as the old system does. It reads the topic record by record and decodes each one. For Keras it
reads the topic again for training and for validation in every epoch. For PyTorch it reads the topic once, into a list
of tuples for a DataLoader. ``floor`` fits the same model on arrays in memory, by the fastest plain loop we know. Prints
``{"seconds": ..., "accuracy": ...}``. Imports and the building of the model are not counted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

EPOCHS = 5
BATCH_SIZE = 256

KERAS_MODEL = """
model = tf.keras.models.Sequential([
  tf.keras.layers.Flatten(input_shape=(28, 28)),
  tf.keras.layers.Dense(128, activation='relu'),
  tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(
    optimizer=tf.keras.optimizers.Adam(0.001),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(),
    metrics=[tf.keras.metrics.SparseCategoricalAccuracy()],
)
"""

TORCH_MODEL = """
class NeuralNetwork(nn.Module):
    def __init__(self):
        super(NeuralNetwork, self).__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(nn.Linear(28*28, 128), nn.ReLU(), nn.Linear(128, 10))

    def forward(self, x):
        return self.linear_relu_stack(self.flatten(x))

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(model.parameters(), lr=0.001)

    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}

model = NeuralNetwork()
"""


def samples(count: int, *, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Images that can be learned: a blurred patch per class plus noise; (count, 28, 28) uint8 and (count,) uint8."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count).astype(np.uint8)
    prototypes = np.random.default_rng(7).integers(0, 160, (10, 28, 28))
    noise = random.integers(0, 96, (count, 28, 28))
    return (prototypes[labels] + noise).astype(np.uint8), labels


def _records(bootstrap_servers: str, topic: str, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield one record after the other, as users of kafka-python read them."""
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=bootstrap_servers, enable_auto_commit=False)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, start)
    for record in consumer:
        yield record.value, record.key
        if record.offset >= end - 1:
            break
    consumer.close()


def reference_keras(bootstrap_servers: str, topic: str, count: int) -> tuple[float, float]:
    import tensorflow as tf

    namespace: dict[str, Any] = {"tf": tf}
    exec(KERAS_MODEL, namespace)
    model = namespace["model"]
    started = time.perf_counter()
    stream = tf.data.Dataset.from_generator(
        lambda: _records(bootstrap_servers, topic, 0, count),
        output_signature=(tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.string)),
    )

    def decode(value: Any, key: Any) -> tuple[Any, Any]:
        image = tf.reshape(tf.io.decode_raw(value, tf.uint8), (28, 28))
        return image, tf.io.decode_raw(key, tf.uint8)[0]

    dataset = stream.map(decode)
    training = dataset.take(count * 8 // 10).batch(BATCH_SIZE)
    validation = dataset.skip(count * 8 // 10).batch(BATCH_SIZE)
    history = model.fit(training, validation_data=validation, epochs=EPOCHS, verbose=0)
    return time.perf_counter() - started, history.history["val_sparse_categorical_accuracy"][-1]


def floor_keras(count: int) -> tuple[float, float]:
    import tensorflow as tf

    namespace: dict[str, Any] = {"tf": tf}
    exec(KERAS_MODEL, namespace)
    model = namespace["model"]
    # Keras itself is fastest on arrays with this setting. The model is otherwise unchanged.
    model.steps_per_execution = 32
    features, labels = samples(count)
    cut = count * 8 // 10
    started = time.perf_counter()
    history = model.fit(
        features[:cut],
        labels[:cut],
        validation_data=(features[cut:], labels[cut:]),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        verbose=0,
    )
    return time.perf_counter() - started, history.history["val_sparse_categorical_accuracy"][-1]


def _torch_model() -> tuple[Any, Any, Any, Any]:
    import torch
    from ignite.metrics import Accuracy, Loss
    from torch import nn

    namespace: dict[str, Any] = {"torch": torch, "nn": nn, "Accuracy": Accuracy, "Loss": Loss}
    exec(TORCH_MODEL, namespace)
    model = namespace["model"]
    return torch, model, model.loss_fn(), model.optimizer()


def reference_torch(bootstrap_servers: str, topic: str, count: int) -> tuple[float, float]:
    from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer

    torch, model, loss, optimizer = _torch_model()
    started = time.perf_counter()
    pairs = []
    for value, key in _records(bootstrap_servers, topic, 0, count):
        image = torch.tensor(np.frombuffer(value, np.uint8).reshape(28, 28).copy(), dtype=torch.float32)
        pairs.append((image, int(np.frombuffer(key, np.uint8)[0])))
    cut = count * 8 // 10
    training = torch.utils.data.DataLoader(pairs[:cut], batch_size=BATCH_SIZE)
    validation = torch.utils.data.DataLoader(pairs[cut:], batch_size=BATCH_SIZE)
    trainer = create_supervised_trainer(model, optimizer, loss)
    metrics = model.metrics()
    on_training = create_supervised_evaluator(model, metrics)
    on_validation = create_supervised_evaluator(model, model.metrics())

    @trainer.on(Events.EPOCH_COMPLETED)
    def evaluate() -> None:
        on_training.run(training)
        on_validation.run(validation)

    trainer.run(training, max_epochs=EPOCHS)
    return time.perf_counter() - started, on_validation.state.metrics["accuracy"]


def floor_torch(count: int) -> tuple[float, float]:
    torch, model, loss, optimizer = _torch_model()
    images, classes = samples(count)
    cut = count * 8 // 10
    features, labels = torch.from_numpy(images), torch.from_numpy(classes)
    accuracy = 0.0
    started = time.perf_counter()
    for _ in range(EPOCHS):
        correct, total_loss = 0, 0.0
        model.train()
        for start in range(0, cut, BATCH_SIZE):
            optimizer.zero_grad()
            output = model(features[start : min(start + BATCH_SIZE, cut)].float())
            target = labels[start : min(start + BATCH_SIZE, cut)].long()
            value = loss(output, target)
            value.backward()
            optimizer.step()
            total_loss += value.item()
            correct += int((output.argmax(1) == target).sum())
        model.eval()
        with torch.no_grad():
            hits = sum(
                int(
                    (
                        model(features[start : start + BATCH_SIZE].float()).argmax(1)
                        == labels[start : start + BATCH_SIZE]
                    ).sum()
                )
                for start in range(cut, count, BATCH_SIZE)
            )
        accuracy = hits / (count - cut)
    return time.perf_counter() - started, accuracy


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("loop", choices=["reference", "floor"])
    parser.add_argument("framework", choices=["tensorflow", "pytorch"])
    parser.add_argument("--bootstrap-servers", default="")
    parser.add_argument("--topic", default="")
    parser.add_argument("--count", type=int, default=20_000)
    given = parser.parse_args()
    keras = given.framework == "tensorflow"
    if given.loop == "reference":
        reference = reference_keras if keras else reference_torch
        seconds, accuracy = reference(given.bootstrap_servers, given.topic, given.count)
    else:
        seconds, accuracy = (floor_keras if keras else floor_torch)(given.count)
    print(json.dumps({"seconds": seconds, "accuracy": float(accuracy)}))


if __name__ == "__main__":
    _main()

"""User code for the tests: the tutorial's models as users paste them, and small ones for the digits data."""

from __future__ import annotations

from pathlib import Path

_TUTORIAL = Path(__file__).resolve().parents[2] / "examples" / "MNIST_RAW_format"


def tutorial_code(name: str) -> str:
    """Return a model of the tutorial, as users paste it."""
    return (_TUTORIAL / f"model_{name}.py").read_text(encoding="utf-8")


KERAS_TUTORIAL = tutorial_code("tensorflow")
PYTORCH_TUTORIAL = tutorial_code("pytorch")
EDGE, FOG, CLOUD = (tutorial_code(f"{tier}_tensorflow") for tier in ("edge", "fog", "cloud"))

KERAS_DIGITS = """model = keras.Sequential([
    keras.Input(shape=(8, 8)),
    keras.layers.Rescaling(1 / 16),
    keras.layers.Flatten(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dropout(0.1),
    keras.layers.Dense(10, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""

PYTORCH_DIGITS = """class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10)
        )

    def forward(self, x):
        return self.layers(x * (255 / 16))

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.005)

    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}

model = Digits()
"""

KERAS_REGRESSION = """model = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse", metrics=["mae"])
"""

PYTORCH_REGRESSION = """class Regression(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x):
        return self.layer(x)

    def loss_fn(self):
        return nn.MSELoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.05)

    def metrics(self):
        return {"mae": MeanAbsoluteError()}

model = Regression()
"""

KERAS_BROKEN_CALL = """class Broken(keras.Model):
    def call(self, x):
        scale = 1 / (len(x.shape) - 3)
        return x * scale

model = Broken()
model.compile(optimizer="adam", loss="mse")
"""

PYTORCH_BROKEN_FORWARD = PYTORCH_DIGITS.replace(
    "return self.layers(x * (255 / 16))", "return self.layers(x).no_such_method()"
)
PYTORCH_BROKEN_LOSS = PYTORCH_DIGITS.replace(
    "return nn.CrossEntropyLoss()", "return lambda prediction, target: prediction['loss']"
)
KERAS_BROKEN_LOSS = """def my_loss(y_true, y_pred):
    return y_pred["loss"]

model = keras.Sequential([keras.Input(shape=(8, 8)), keras.layers.Flatten(), keras.layers.Dense(10)])
model.compile(optimizer="adam", loss=my_loss)
"""

# The chain in PyTorch. Its sub-models end in different kinds of scores: raw ones, a softmax, its logarithm.
PYTORCH_EDGE = """class Edge(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 28, 3), nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(64), nn.ReLU()
        )
        self.classify = nn.Linear(64, 10)

    def forward(self, x):
        to_fog = self.features(x)
        return to_fog, self.classify(to_fog)

model = Edge()
"""

PYTORCH_FOG = """class Fog(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.classify = nn.Linear(64, 10)

    def forward(self, x):
        to_cloud = self.features(x)
        return to_cloud, F.softmax(self.classify(to_cloud), dim=1)

model = Fog()
"""

PYTORCH_CLOUD = """model = nn.Sequential(
    nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10),
    nn.LogSoftmax(dim=1),
)
"""

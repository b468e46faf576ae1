"""User code that the tests run: the tutorial's models as people paste them, and small ones for the digits data."""

from __future__ import annotations

from examples.MNIST_RAW_format import model as tutorial

KERAS_TUTORIAL = tutorial.TENSORFLOW
PYTORCH_TUTORIAL = tutorial.PYTORCH

EDGE = """edge_input = keras.Input(shape=(28,28,1), name='input_img')
x = tf.keras.layers.Conv2D(28, kernel_size=(3,3), name='conv2d')(edge_input)
x = tf.keras.layers.MaxPooling2D(pool_size=(2,2), name='maxpooling')(x)
x = tf.keras.layers.Flatten(name='flatten')(x)
output_to_fog = tf.keras.layers.Dense(64, activation=tf.nn.relu, name='output_to_fog')(x)
edge_output = tf.keras.layers.Dense(10, activation=tf.nn.softmax, name='edge_output')(output_to_fog)
edge_model = keras.Model(inputs=[edge_input], outputs=[output_to_fog, edge_output], name='edge_model')
"""

FOG = """fog_input = keras.Input(shape=64, name='fog_input')
output_to_cloud = tf.keras.layers.Dense(64, activation=tf.nn.relu, name='output_to_cloud')(fog_input)
fog_output = tf.keras.layers.Dense(10, activation=tf.nn.softmax, name='fog_output')(output_to_cloud)
fog_model = keras.Model(inputs=[fog_input], outputs=[output_to_cloud, fog_output], name='fog_model')
"""

CLOUD = """cloud_input = keras.Input(shape=64, name='cloud_input')
x = tf.keras.layers.Dense(64, activation=tf.nn.relu, name='relu1')(cloud_input)
x = tf.keras.layers.Dense(128, activation=tf.nn.relu, name='relu2')(x)
x = tf.keras.layers.Dropout(0.2)(x)
cloud_output = tf.keras.layers.Dense(10, activation=tf.nn.softmax, name='cloud_output')(x)
cloud_model = keras.Model(inputs=cloud_input, outputs=[cloud_output], name='cloud_model')
"""

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

# The chain in PyTorch, each sub-model ending in another kind of scores: raw ones, a softmax, its logarithm.
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

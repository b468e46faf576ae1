"""The tutorial's two models, as they are pasted into the form. As a program it writes them to files:

python examples/MNIST_RAW_format/model.py            # writes model_tensorflow.py and model_pytorch.py
"""

from __future__ import annotations

from pathlib import Path

TENSORFLOW = """\
model = tf.keras.models.Sequential([
  tf.keras.layers.Flatten(input_shape=(28, 28)),
  tf.keras.layers.Dense(128, activation='relu'),
  tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(
    optimizer=tf.keras.optimizers.Adam(0.001),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[tf.keras.metrics.SparseCategoricalAccuracy()],
)
"""

PYTORCH = """\
class NeuralNetwork(nn.Module):
    def __init__(self):
        super(NeuralNetwork, self).__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(28*28, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
            nn.Softmax()
        )

    def forward(self, x):
        x = self.flatten(x)
        logits = self.linear_relu_stack(x)
        return logits

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(model.parameters(), lr=0.001)

    def metrics(self):
        val_metrics = {
            "accuracy": Accuracy(),
            "loss": Loss(self.loss_fn())
         }
        return val_metrics

model = NeuralNetwork()
"""

if __name__ == "__main__":
    for name, source in (("tensorflow", TENSORFLOW), ("pytorch", PYTORCH)):
        path = Path(f"model_{name}.py")
        path.write_text(source, encoding="utf-8")
        print(f"kafka-ml models create {path} --framework {name} --name mnist-{name}")

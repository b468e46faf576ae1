"""The two models of the example, as text: what one would paste into the form.

A sample is a window, (10 readings, 7 columns), the newest reading last: three numbers, and the status as one of four.
"""

KERAS = """\
model = keras.Sequential([
    keras.layers.Input((10, 7)),
    keras.layers.LSTM(16),
    keras.layers.Dense(1, activation="sigmoid"),
])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"])
"""

PYTORCH = """\
class Machines(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(7, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x):
        _, (last, _) = self.recurrent(x)
        return self.head(last[-1])

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)

    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}

model = Machines()
"""

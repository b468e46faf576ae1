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

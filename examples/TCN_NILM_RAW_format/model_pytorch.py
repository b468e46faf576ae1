# A temporal convolutional network (Bai et al., 2018): a minute sees itself and those before it.
class Block(nn.Module):
    def __init__(self, before, filters, dilation):
        super().__init__()
        self.pad = nn.ConstantPad1d((2 * dilation, 0), 0.0)
        self.seen = nn.Sequential(nn.Conv1d(before, filters, 3, dilation=dilation), nn.ReLU(), nn.Dropout1d(0.2))
        self.shortcut = nn.Conv1d(before, filters, 1)

    def forward(self, x):
        return self.shortcut(x) + self.seen(self.pad(x))


class Meters(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.BatchNorm1d(2, momentum=None), Block(2, 16, 1), Block(16, 8, 2), nn.Conv1d(8, 3, 1))

    def forward(self, x):
        # Samples are (minutes, channels), convolutions want channels first.
        return self.layers(x.reshape(-1, 120, 2).transpose(1, 2)).transpose(1, 2)

    def loss_fn(self):
        return nn.MSELoss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.005)

    def metrics(self):
        return {"loss": Loss(self.loss_fn())}


model = Meters()

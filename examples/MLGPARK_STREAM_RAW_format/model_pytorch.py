# Car parks and hours are names: each gets a few numbers of its own. Day, month and minute become numbers up to 1; the
# year, which is always the same, is left out.
class CarParks(nn.Module):
    def __init__(self):
        super().__init__()
        self.park = nn.Embedding(32, 8)
        self.hour = nn.Embedding(24, 4)
        self.layers = nn.Sequential(
            nn.Linear(8 + 4 + 3, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 1)
        )

    def forward(self, x):
        numbers = [self.park(x[:, 0].long()), self.hour(x[:, 4].long()), x[:, 1:3] / 31, x[:, 5:] / 60]
        # Hundreds of places from numbers of about 1.
        return 100.0 * self.layers(torch.cat(numbers, dim=1))

    def loss_fn(self):
        return nn.L1Loss()

    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.002)

    def metrics(self):
        return {"mae": MeanAbsoluteError(), "loss": Loss(self.loss_fn())}


model = CarParks()

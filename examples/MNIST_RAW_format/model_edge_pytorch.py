# The tier nearest to the data. It hands 64 numbers up to the fog, and answers for itself where it is sure.
class Edge(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 28, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(28 * 13 * 13, 64), nn.ReLU()
        )
        self.classify = nn.Linear(64, 10)

    def forward(self, x):
        to_fog = self.features(x)
        return to_fog, self.classify(to_fog)


model = Edge()

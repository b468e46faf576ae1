# The tier in the middle. It takes what the edge hands up, and hands 64 numbers up to the cloud.
class Fog(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.classify = nn.Linear(64, 10)

    def forward(self, x):
        to_cloud = self.features(x)
        return to_cloud, self.classify(to_cloud)


model = Fog()

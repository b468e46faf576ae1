# VGG16 (Simonyan and Zisserman, 2015) with batch normalisation, which lets it learn without pretrained weights.
# WIDTH 64 is the network of the paper, 15 million parameters; 16 trains on two processor cores.
WIDTH = 16


class VGG16(nn.Module):
    def __init__(self):
        super().__init__()
        layers, before = [], 3
        for channels, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            for _ in range(count):
                layers += [
                    nn.Conv2d(before, channels * WIDTH, 3, padding=1, bias=False),
                    nn.BatchNorm2d(channels * WIDTH),
                    nn.ReLU(),
                ]
                before = channels * WIDTH
            layers.append(nn.MaxPool2d(2))
        # Five times halved.
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.classify = nn.Sequential(
            nn.Linear(8 * WIDTH, 8 * WIDTH), nn.ReLU(),
            nn.Linear(8 * WIDTH, 4 * WIDTH), nn.ReLU(),
            nn.Linear(4 * WIDTH, 10),
        )

    def forward(self, x):
        return self.classify(self.features(x))

    def loss_fn(self):
        return nn.CrossEntropyLoss()

    def optimizer(self):
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)

    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}


model = VGG16()

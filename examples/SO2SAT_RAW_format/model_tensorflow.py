# VGG16 (Simonyan and Zisserman, 2015) with batch normalisation, which lets it learn without pretrained weights.
# WIDTH 64 is the network of the paper, 15 million parameters; 16 trains on two processor cores.
WIDTH = 16

layers = [keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 255)]
for channels, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
    for _ in range(count):
        layers += [
            keras.layers.Conv2D(channels * WIDTH, 3, padding="same", use_bias=False),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Activation("relu"),
        ]
    layers.append(keras.layers.MaxPooling2D())
model = keras.Sequential([
    *layers,
    keras.layers.Flatten(),
    keras.layers.Dense(8 * WIDTH, activation="relu"),
    keras.layers.Dense(4 * WIDTH, activation="relu"),
    keras.layers.Dense(17, activation="softmax"),
])
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.01, momentum=0.9),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

# Takes latitude, longitude, altitude, speed, rate of climb, and the sine and cosine of the bearing, and scales them.
model = keras.Sequential([
    keras.Input((7,)),
    keras.layers.BatchNormalization(momentum=0.9),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(2, activation="softmax"),
])
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.005),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

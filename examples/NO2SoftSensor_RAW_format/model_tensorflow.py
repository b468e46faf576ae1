# Kafka-ML's own has no scaling: batch normalisation learns it. Its metric mape divides by nitrate, which is often 0.
model = keras.Sequential([
    keras.Input((4,)),
    keras.layers.BatchNormalization(momentum=0.9),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(32, activation="relu"),
    keras.layers.Dense(1),
])
model.compile(optimizer="adam", loss="huber", metrics=["mae", "mse"])

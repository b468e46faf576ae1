# The seminar's network, whose first layer is Input(4) there: Keras 3 wants a shape.
model = keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(256, activation="relu"),
    keras.layers.Dense(256, activation="relu"),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(1),
])
model.compile(optimizer="adam", loss="mse", metrics=["mae", "mse"])

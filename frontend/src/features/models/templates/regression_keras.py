# Rows of eight numbers, one number to predict: change FEATURES to the columns of your stream.
FEATURES = 8

model = keras.Sequential([
    keras.Input(shape=(FEATURES,)),
    keras.layers.BatchNormalization(),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(64, activation="relu"),
    keras.layers.Dense(1),
])
model.compile(optimizer=keras.optimizers.Adam(0.001), loss="mse", metrics=["mae"])

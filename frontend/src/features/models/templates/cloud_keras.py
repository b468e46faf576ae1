# The top tier. It answers where no tier below was sure, from the 64 numbers that it is handed.
features = keras.Input(shape=(64,), name="features")
x = keras.layers.Dense(64, activation="relu")(features)
x = keras.layers.Dense(128, activation="relu")(x)
x = keras.layers.Dropout(0.2)(x)
cloud_output = keras.layers.Dense(10, activation="softmax", name="cloud_output")(x)
model = keras.Model(inputs=features, outputs=cloud_output, name="cloud")

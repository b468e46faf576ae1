# The tier nearest to the data. It hands 64 numbers up to the fog, and answers for itself where it is sure.
image = keras.Input(shape=(28, 28, 1), name="image")
x = keras.layers.Rescaling(1 / 255)(image)
x = keras.layers.Conv2D(28, 3)(x)
x = keras.layers.MaxPooling2D()(x)
x = keras.layers.Flatten()(x)
to_fog = keras.layers.Dense(64, activation="relu", name="to_fog")(x)
edge_output = keras.layers.Dense(10, activation="softmax", name="edge_output")(to_fog)
model = keras.Model(inputs=image, outputs=[to_fog, edge_output], name="edge")

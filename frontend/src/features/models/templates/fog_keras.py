# The tier in the middle. It takes what the edge hands up, and hands 64 numbers up to the cloud.
features = keras.Input(shape=(64,), name="features")
to_cloud = keras.layers.Dense(64, activation="relu", name="to_cloud")(features)
fog_output = keras.layers.Dense(10, activation="softmax", name="fog_output")(to_cloud)
model = keras.Model(inputs=features, outputs=[to_cloud, fog_output], name="fog")

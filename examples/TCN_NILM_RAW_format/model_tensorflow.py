# A temporal convolutional network (Bai et al., 2018): a minute sees itself and those before it.
# Kafka-ML's own has no scaling, and a metric, mape, that divides by meters which are mostly 0.
def block(x, filters, dilation):
    seen = keras.layers.Conv1D(filters, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
    seen = keras.layers.SpatialDropout1D(0.2)(seen)
    return keras.layers.Add()([keras.layers.Conv1D(filters, 1)(x), seen])


minutes = keras.Input((120, 2))
x = keras.layers.BatchNormalization(momentum=0.9)(minutes)
x = block(x, 16, 1)
x = block(x, 8, 2)
meters = keras.layers.Conv1D(3, 1)(x)
model = keras.Model(minutes, meters)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.005), loss="mse", metrics=["mae", "mse"])

# Kafka-ML's first version said lr=0.0001: Keras 3 calls it learning_rate. 239 people need a faster one, too.
model = keras.Sequential([
    keras.Input((3,)),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(4, activation="sigmoid"),
    keras.layers.Dense(2, activation="softmax"),
])
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.05),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)

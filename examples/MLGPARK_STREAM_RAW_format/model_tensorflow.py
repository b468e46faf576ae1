# Kafka-ML's first version gave the raw numbers to SGD: with years of 2021 next to minutes it learns a constant. Car
# parks and hours are names: each gets a few numbers of its own. Day, month and minute become numbers up to 1; the year,
# which is always the same, is left out.
moment = keras.Input((6,))
park = keras.layers.Embedding(32, 8)(moment[:, 0])
hour = keras.layers.Embedding(24, 4)(moment[:, 4])
date = keras.layers.Rescaling(1 / 31)(moment[:, 1:3])
minute = keras.layers.Rescaling(1 / 60)(moment[:, 5:])
x = keras.layers.Concatenate()([park, hour, date, minute])
x = keras.layers.Dense(256, activation="relu")(x)
x = keras.layers.Dense(128, activation="relu")(x)
# Hundreds of places from numbers of about 1.
places = keras.layers.Rescaling(100.0)(keras.layers.Dense(1)(x))
model = keras.Model(moment, places)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.002), loss="mae", metrics=["mae", "mse"])

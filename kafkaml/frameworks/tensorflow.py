"""TensorFlow, which trains with Keras."""

from __future__ import annotations

from kafkaml.frameworks.base import (
    BEST_EPOCH,
    BOOLEAN,
    DROP_LAST,
    EPOCHS,
    NATURAL,
    NO_TERMINAL,
    OPTIONAL_POSITIVE,
    POSITIVE,
    SHUFFLE,
    SHUFFLED,
    STEPS,
    STEPS_PER_EPOCH,
    VERBOSE,
    Argument,
    Arguments,
    ChainNames,
    FrameworkDescriptor,
    Kind,
    Purpose,
    is_integer,
    is_number,
)
from kafkaml.frameworks.files import COMMON_FILES, FileUse, loader
from kafkaml.wire.framework import Framework

__all__ = ["TENSORFLOW"]


def _is_class(value: object) -> bool:
    # Class weights such as {0: 1.0} have texts as keys after a trip through JSON.
    return is_integer(value, 0) or (isinstance(value, str) and value.isdecimal())


_FRACTION = Kind("a number from 0 to below 1", lambda value: is_number(value) and 0 <= value < 1)
_FREQUENCY = Kind(
    "a whole number of at least 1, or a list of epochs",
    lambda value: (
        is_integer(value, 1) or (isinstance(value, list) and all(is_integer(element, 1) for element in value))
    ),
)
_CLASS_WEIGHT = Kind(
    "a weight for each class number, such as {0: 1.0, 1: 2.5}, or None",
    lambda value: (
        value is None
        or (
            isinstance(value, dict)
            and all(_is_class(key) and is_number(weight) and weight >= 0 for key, weight in value.items())
        )
    ),
)

TENSORFLOW = FrameworkDescriptor(
    name=Framework.TENSORFLOW,
    title="TensorFlow",
    library="Keras",
    module="tensorflow",
    extra="tensorflow-cpu",
    arguments={
        Purpose.FIT: Arguments(
            about="Arguments as in model.fit() of Keras",
            example="epochs=10, shuffle=True",
            first="epochs=10, shuffle=True",
            accepted={
                "epochs": Argument(POSITIVE, EPOCHS, "1", in_windows=True),
                "steps_per_epoch": Argument(OPTIONAL_POSITIVE, STEPS_PER_EPOCH, "None"),
                "shuffle": Argument(SHUFFLE, SHUFFLED, "True", in_windows=True),
                "drop_last": Argument(BOOLEAN, DROP_LAST, "False"),
                **BEST_EPOCH,
                "class_weight": Argument(
                    _CLASS_WEIGHT, "how much samples of each class count in the loss", "None", in_windows=True
                ),
                "initial_epoch": Argument(NATURAL, "epochs that count as done before training starts", "0"),
                "validation_split": Argument(
                    _FRACTION, "share of the training samples that validates, where the stream sets none aside", "0.0"
                ),
                "validation_freq": Argument(_FREQUENCY, "validate after every N epochs, or after those listed", "1"),
                "validation_steps": Argument(OPTIONAL_POSITIVE, "batches to validate on; None: all samples", "None"),
                "validation_batch_size": Argument(
                    OPTIONAL_POSITIVE, "samples in a batch of validation; None: as in training", "None"
                ),
                "verbose": Argument(VERBOSE, NO_TERMINAL, "'auto'", in_windows=True),
            },
        ),
        Purpose.EVALUATION: Arguments(
            about="Arguments as in model.evaluate() of Keras",
            example="steps=10",
            accepted={
                "steps": Argument(OPTIONAL_POSITIVE, STEPS, "None"),
                "verbose": Argument(VERBOSE, NO_TERMINAL, "'auto'"),
                "return_dict": Argument(BOOLEAN, "accepted and ignored: metrics always have names", "False"),
            },
        ),
    },
    # The whole model serves when the code does not reproduce it, and for results trained before weights were kept.
    artifacts=("model.weights.h5", "model.keras"),
    packages=("tensorflow", "keras", "numpy"),
    files={
        "model.keras": FileUse(
            purpose="The whole Keras model: layers, weights and compile settings.",
            needs=("tensorflow",),
            python="""import keras

# safe_mode refuses files that bring code along, as models with Lambda layers do. Functions and layers that are not of
# Keras are given by name, such as custom_objects={"softmax_v2": tf.nn.softmax}. model.py needs neither.
model = keras.saving.load_model("FILE", safe_mode=True, compile=False)
model.summary()
""",
        ),
        "model.weights.h5": FileUse(
            purpose=(
                "The weights of the Keras model, to load into the model that its code creates. The format holds only "
                "numbers: loading it runs no code of the model."
            ),
            needs=("tensorflow",),
            python="""# Save model.py of the same training next to it. Importing it runs its code: read it first.
from model import load

model = load("FILE")
model.summary()
""",
        ),
        "model.py": loader("tensorflow"),
        **COMMON_FILES,
    },
    chain=ChainNames(
        optimizers=(
            "adam",
            "adamw",
            "sgd",
            "rmsprop",
            "nadam",
            "adamax",
            "adagrad",
            "adadelta",
            "adafactor",
            "ftrl",
            "lion",
        ),
        losses=(
            "sparse_categorical_crossentropy",
            "categorical_crossentropy",
            "binary_crossentropy",
            "categorical_focal_crossentropy",
            "binary_focal_crossentropy",
            "mean_squared_error",
            "mse",
            "mean_absolute_error",
            "mae",
            "huber",
            "log_cosh",
            "poisson",
            "kl_divergence",
        ),
        metrics=(
            "sparse_categorical_accuracy",
            "categorical_accuracy",
            "binary_accuracy",
            "accuracy",
            "sparse_top_k_categorical_accuracy",
            "top_k_categorical_accuracy",
            "mean_squared_error",
            "mse",
            "mean_absolute_error",
            "mae",
            "root_mean_squared_error",
        ),
    ),
    handler="keras",
    environment={"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow", "KERAS_HOME": "{scratch}/.keras"},
    exact_inputs=True,
    elsewhere={
        "x": "the features come from the stream",
        "y": "the labels come from the stream",
        "batch_size": "it has a field of its own",
        "validation_data": "it comes from the stream, by validation_rate",
        "callbacks": "only literals can be given; early_stopping=5 does what EarlyStopping(patience=5) does",
        "sample_weight": "only literals can be given; class_weight weights classes",
    },
)

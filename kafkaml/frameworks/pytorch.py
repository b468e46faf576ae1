"""PyTorch, which trains with Ignite's names of arguments."""

from __future__ import annotations

from kafkaml.frameworks.base import (
    BEST_EPOCH,
    BOOLEAN,
    DROP_LAST,
    EPOCHS,
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
    Purpose,
)
from kafkaml.frameworks.files import COMMON_FILES, FileUse, loader
from kafkaml.wire.framework import Framework

__all__ = ["PYTORCH"]

_TO_TENSOR = (
    "images of bytes are given as torchvision's ToTensor does: divided by 255, channel axis first; False: as sent"
)

PYTORCH = FrameworkDescriptor(
    name=Framework.PYTORCH,
    title="PyTorch",
    library="PyTorch",
    module="torch",
    extra="pytorch",
    arguments={
        Purpose.FIT: Arguments(
            about=(
                "Arguments as in run() of Ignite. Images of bytes are given as ToTensor does: 0..1, channel axis "
                "first; to_tensor=False switches it off"
            ),
            example="max_epochs=10, shuffle=True",
            first="max_epochs=10, shuffle=True",
            accepted={
                "max_epochs": Argument(POSITIVE, EPOCHS, "1", known_as="epochs", in_windows=True),
                "epoch_length": Argument(OPTIONAL_POSITIVE, STEPS_PER_EPOCH, "None", known_as="steps_per_epoch"),
                "shuffle": Argument(SHUFFLE, SHUFFLED, "True", in_windows=True),
                "drop_last": Argument(BOOLEAN, DROP_LAST, "False"),
                "to_tensor": Argument(BOOLEAN, _TO_TENSOR, "True", in_windows=True),
                **BEST_EPOCH,
                "epochs": Argument(POSITIVE, "another name of max_epochs", "1", alias_of="max_epochs"),
                "steps_per_epoch": Argument(
                    OPTIONAL_POSITIVE, "another name of epoch_length", "None", alias_of="epoch_length"
                ),
                "verbose": Argument(VERBOSE, NO_TERMINAL, "'auto'", in_windows=True),
            },
        ),
        Purpose.EVALUATION: Arguments(
            about="Arguments of the evaluation",
            example="epoch_length=10",
            accepted={
                "epoch_length": Argument(OPTIONAL_POSITIVE, STEPS, "None", known_as="steps"),
                "steps": Argument(OPTIONAL_POSITIVE, "another name of epoch_length", "None"),
                # ``shuffle`` does not change any metric. It is accepted because old deployments, which used a
                # DataLoader, have it.
                "shuffle": Argument(SHUFFLE, "accepted and ignored: it has no effect on metrics", "False"),
                "verbose": Argument(VERBOSE, NO_TERMINAL, "'auto'"),
            },
        ),
    },
    artifacts=("model.safetensors",),
    packages=("torch", "pytorch-ignite", "numpy"),
    files={
        "model.safetensors": FileUse(
            purpose=(
                "The weights of the PyTorch model. The format holds only numbers: loading it runs no code of the model."
            ),
            needs=("torch", "numpy", "safetensors"),
            python="""from safetensors.torch import load_file

weights = load_file("FILE")
for name, tensor in weights.items():
    print(name, tuple(tensor.shape))
""",
        ),
        "model.py": loader("torch", "pytorch-ignite", "numpy", "safetensors"),
        **COMMON_FILES,
    },
    handler="pytorch",
    environment={"TORCH_HOME": "{scratch}/.torch"},
    chain=ChainNames(
        optimizers=("adam", "adamw", "sgd", "rmsprop", "nadam", "adamax", "adagrad", "adadelta"),
        losses=(
            "sparse_categorical_crossentropy",
            "categorical_crossentropy",
            "binary_crossentropy",
            "mean_squared_error",
            "mse",
            "mean_absolute_error",
            "mae",
            "huber",
        ),
        metrics=(
            "sparse_categorical_accuracy",
            "categorical_accuracy",
            "binary_accuracy",
            "accuracy",
            "sparse_top_k_categorical_accuracy",
            "mean_squared_error",
            "mse",
            "mean_absolute_error",
            "mae",
            "root_mean_squared_error",
        ),
    ),
    elsewhere={
        "batch_size": "it has a field of its own",
        "data": "it comes from the stream",
        "lr": "the model's optimizer() decides it",
        "seed": "it is a setting of the deployment",
    },
)

"""FileUse: what a file of a trained model is for, and the program that loads it.

Returned by the API, shown next to each file, and written into the README of a version's zip.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kafkaml.artifacts import CONTRACT_FILE, ONNX_FILE

__all__ = ["COMMON_FILES", "FileUse", "loader"]

_FILE = "FILE"


@dataclass(frozen=True, kw_only=True)
class FileUse:
    """``python`` is a program that loads the file, in which FILE stands for the path. ``needs`` are the program's
    packages, by the names that pip knows.

    ``python`` is empty for a file that another one loads. ``auxiliary`` files describe the run and are not part of the
    model.
    """

    purpose: str
    needs: Sequence[str] = ()
    python: str = ""
    auxiliary: bool = False

    def program(self, path: str) -> str:
        """Return the program for a file at ``path``."""
        return self.python.replace(_FILE, path)


def loader(*packages: str) -> FileUse:
    """Return the use of the model's code, which loads the weights next to it with ``packages``."""
    return FileUse(
        purpose="The model's code with a function that loads the weights, which must be next to it under their name.",
        needs=packages,
        python="""# Importing it runs the code of the model: read it first.
from model import load

model = load()
print(model)
""",
    )


# Files that a training leaves with any framework.
COMMON_FILES: Mapping[str, FileUse] = {
    ONNX_FILE: FileUse(
        purpose="The same model in a format that runs without its framework, in Python, C++, Java or a browser.",
        needs=("onnxruntime", "numpy"),
        python="""import onnxruntime

session = onnxruntime.InferenceSession("FILE", providers=["CPUExecutionProvider"])
for model_input in session.get_inputs():
    print(model_input.name, model_input.type, model_input.shape)
# answers = session.run(None, {session.get_inputs()[0].name: samples})
""",
    ),
    CONTRACT_FILE: FileUse(
        purpose="How a record becomes what the model takes: columns, their scales and vocabularies; and the classes.",
        python="""import json

with open("FILE", encoding="utf-8") as file:
    document = json.load(file)
for column in document["contract"]["columns"]:
    print(column["name"], "=", column["expression"], document["learnt"]["columns"][column["name"]])
# A number is given as (value - offset) / scale, with fill where it is missing. A one-hot column has a number for other
# values before those of its vocabulary.
print("classes, in the order of the outputs:", document["learnt"]["classes"])
""",
    ),
    "confusion_samples.npz": FileUse(
        purpose="The samples behind the cells of the confusion matrix.",
        needs=("numpy",),
        python="""import numpy as np

with np.load("FILE", allow_pickle=False) as kept:
    mistakes = kept["actual"] != kept["predicted"]
    print(kept["features"][mistakes].shape)
""",
        auxiliary=True,
    ),
}

"""What to write today instead of an idiom of an older framework: hints shown under errors of user code."""

from __future__ import annotations

import re

__all__ = ["hint_for"]

# The first pattern found in "Type: message" decides.
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), hint)
    for pattern, hint in (
        (
            r"(Argument\(s\) not recognized|unexpected keyword).*\blr\b|`lr`",
            "Keras 3 calls it learning_rate: Adam(learning_rate=0.001)",
        ),
        (
            r"(Argument\(s\) not recognized|unexpected keyword|deprecated).*\bdecay\b",
            "Keras 3 has no decay=: give learning_rate=keras.optimizers.schedules.InverseTimeDecay(...) instead",
        ),
        (
            r"optimizers\.legacy|optimizers.*has no attribute 'legacy'",
            "Keras 3 has no optimizers.legacy: write keras.optimizers.Adam, SGD, ... instead",
        ),
        (
            r"has no attribute '(experimental|preprocessing)'",
            "in Keras 3 preprocessing layers are in keras.layers itself, and image and text helpers in keras.utils",
        ),
        (r"'CuDNN(LSTM|GRU)'", "write keras.layers.LSTM or keras.layers.GRU: Keras uses the GPU's kernel by itself"),
        (
            r"has no attribute '(placeholder|Session|get_default_graph|contrib|global_variables_initializer)'",
            "this is TensorFlow 1: write the model with keras.layers, or take the name from tf.compat.v1",
        ),
        (
            r"No module named '(tensorflow\.)?keras\.(utils\.np_utils|wrappers|layers\.\w+|engine|preprocessing)",
            "Keras 3 moved this: import layers from keras.layers, to_categorical from keras.utils",
        ),
        (
            r"has no attribute '(predict_classes|predict_proba|fit_generator|evaluate_generator)'",
            "Keras 3 removed it: models are trained and evaluated by Kafka-ML, so the call can go",
        ),
        (
            r"KerasTensor cannot be used as input to a TensorFlow function",
            "wrap TensorFlow functions on Keras tensors in a layer, or use the same function of keras.ops",
        ),
        (
            r"Cannot convert '.*' to a shape",
            "write shapes as tuples without the batch: keras.Input(shape=(64,))",
        ),
        (
            r"Unrecognized keyword arguments passed to \w+: .*(batch_input_shape|weights|input_length)",
            "Keras 3 has no such argument of a layer: start the model with keras.Input(shape=...) instead",
        ),
        (
            r"name '(Sequential|Dense|layers|models|Input|Model|Conv2D|Flatten|Dropout|LSTM)' is not defined",
            (
                "only tf, keras and np are there without an import: write for example keras.layers.Dense, or import it "
                "in the imports field"
            ),
        ),
        (
            r"name '(F|optim|torchvision|DataLoader|ignite)' is not defined",
            "only torch, nn, np and Ignite's metrics are there without an import: import it in the imports field",
        ),
        (
            r"mat1 and mat2 shapes cannot be multiplied",
            (
                "a Linear layer got samples of another size than its in_features: nn.Flatten() before it, or change "
                "in_features"
            ),
        ),
        (
            r"(Expected|expected) (input\[.*\]|\dD).*(channels|input)",
            (
                "convolutions take (batch, channels, height, width): add the channel axis, for example "
                "x = x.unsqueeze(1), or send the samples with it (data_reshape)"
            ),
        ),
        (
            r"is incompatible with the layer|expected shape=.*found shape=|expected (min_)?ndim=",
            (
                "the samples have another shape than the model's input: change Input(shape=...) or data_reshape in the "
                "sink"
            ),
        ),
        (
            (
                r"[Aa]rguments `?target`? and `?output`? must have the same (rank|shape)|"
                r"Shapes \(.*\) and \(.*\) are incompatible|[Ss]hapes must be equal"
            ),
            (
                "labels and output differ in shape: sparse_categorical_crossentropy takes class numbers, "
                "categorical_crossentropy one-hot vectors"
            ),
        ),
        (
            r"Target \S+ is out of bounds|Received a label value of \S+ which is outside the valid range",
            (
                "a label is not below the number of the model's outputs: give the last layer as many units as there "
                "are classes"
            ),
        ),
        (
            (
                r"(FileNotFoundError|Read-only file system|Permission denied|Temporary failure in name resolution|"
                r"Network is unreachable|Operation not permitted)"
            ),
            "the model's code runs isolated: no network, and no files but its own scratch folder",
        ),
        (
            r"ModuleNotFoundError: No module named '([^']+)'",
            "this package is not installed where models run: take what is there, or add it to the executor's image",
        ),
    )
)


def hint_for(message: str) -> str:
    """Return the one thing to do about an error ``Type: message``; empty when there is no advice."""
    return next((hint for pattern, hint in _HINTS if pattern.search(message)), "")

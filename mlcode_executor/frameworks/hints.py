"""What to write today instead of an idiom of an older framework: hints shown under errors of user code."""

from __future__ import annotations

import re

from mlcode_executor.frameworks.keras_hints import KERAS_FALLBACKS, KERAS_HINTS

__all__ = ["hint_for", "syntax_hint"]

# Read before the others: code written for a notebook or a machine of one's own, whatever the framework.
_MACHINE_HINTS = (
    (
        r"FileNotFoundError.*\.(pth?|ckpt|bin|safetensors|pkl)\b",
        (
            "files of one's own machine are not there: the weights come from training; leave torch.load and "
            "load_state_dict out"
        ),
    ),
    (r"null bytes", "the text was UTF-16: save the file as UTF-8 and paste it again"),
    (
        r"SystemExit: .*exit status 2\b",
        "there is no command line here: give every argument of parse_args() a default, or use parse_args([])",
    ),
    (r"SystemExit", "leave sys.exit() out: the code must run to its end and leave a global 'model'"),
    (r"EOFError: EOF when reading", "nobody is there to answer input(): write the value into the code"),
    (
        (
            r"NameError: name '(x|X|y|train|test|val|training|validation)(_?(train|test|val|valid|data|set|"
            r"ds|images|labels|"
            r"generator|dataset|x|y))*' is not defined|NameError: name '(df|data|dataset|images|labels)' is not defined"
        ),
        (
            "samples come from the stream: leave model.fit(), evaluate() and what prepares data out; keep "
            "the model and "
            "its compile()"
        ),
    ),
    (r"name '(plt|sns|pd|tqdm|os|math|random|sys)' is not defined", "import it in the imports field"),
    (
        (
            r"No module named '(pandas|tensorflow_datasets|datasets|cv2|PIL|kaggle|torchaudio|tqdm|wandb|"
            r"mlflow|tensorboard)"
        ),
        "samples come from the stream and curves are on the result's page: leave out what reads, shows or logs data",
    ),
    (r"No module named '(matplotlib|seaborn|plotly|bokeh|pydot|graphviz)", "leave plots out: nobody would see them"),
    (
        r"URL fetch failure|HTTPError|URLError|Max retries exceeded|name resolution",
        (
            "the code runs without a network: for a model of keras.applications write weights=None; data "
            "sets need not be "
            "loaded, samples come from the stream"
        ),
    ),
    (
        (
            r"FileNotFoundError|[Uu]nable to (synchronously )?(open|create) file|No such file or directory|"
            r"Read-only file system|Permission denied: '"
        ),
        (
            "the code runs isolated, without a network and without your files: leave load_weights(), reading and "
            "saving out; what is "
            "trained is kept for you"
        ),
    ),
)

# Of PyTorch and Ignite.
_PYTORCH: tuple[tuple[str, str], ...] = (
    (
        r"No module named '(transformers|sentence_transformers|diffusers)",
        (
            "it is not installed where models run, and there is no network to download weights: write the layers with "
            "torch.nn or keras.layers"
        ),
    ),
    (
        r"No module named '(torchvision|timm|torchaudio|segmentation_models_pytorch)",
        (
            "it is not installed where models run, and there is no network to download weights: write the layers with "
            "torch.nn; images of bytes come as its ToTensor makes them"
        ),
    ),
    (
        r"No module named '(pytorch_lightning|lightning|skorch|accelerate|fastai)",
        "it is not needed: Kafka-ML trains the model, a torch.nn.Module with loss_fn, optimizer and metrics",
    ),
    (
        r"No module named '(torchsummary|torchinfo|torchviz|tensorboard|wandb|mlflow|tqdm)",
        "it is not needed: layers and parameters, progress and metrics are shown by Kafka-ML; leave it out",
    ),
    (
        r"No module named 'torchmetrics",
        "write metrics with pytorch-ignite: Accuracy(), Precision(), ... are there without an import",
    ),
    (
        r"(FileNotFoundError|No such file or directory).*\.(csv|png|jpe?g|npy|npz|parquet|json)\b",
        "files of one's own machine are not there: the data come from the stream; leave the reading of them out",
    ),
    (
        r"URLError|HTTPError|no internet connection|gaierror|Connection(Refused)?Error|torch\.hub|MaxRetryError",
        "the model's code runs isolated, without network: nothing can be downloaded; write the layers in the code",
    ),
    (
        (
            r"not compiled with CUDA|No CUDA GPUs|no NVIDIA driver|Attempting to deserialize object on a CUDA|"
            r"CUDA (driver|is not available)|torch\.cuda\.\w+Tensor"
        ),
        (
            "the platform puts the model and its data on the GPU where there is one: leave .cuda() and torch.cuda out, "
            "and make tensors on x.device"
        ),
    ),
    (
        r"Expected all tensors to be on the same device|Input type .* and weight type .* should be the same",
        (
            "make tensors in forward on the samples' device: torch.zeros(..., device=x.device), and keep constants by "
            "register_buffer"
        ),
    ),
    (
        r"Expected more than 1 value per channel when training",
        "BatchNorm cannot train on one sample: give a batch_size of at least 2, and more than one sample to train on",
    ),
    (
        r"For binary cases, y_pred must be|y_pred must be comprised of 0's and 1's",
        (
            "the metric takes classes, and the model answers scores; write Accuracy(output_transform=lambda "
            "out: ((out[0] > 0).long(), out[1])), with > 0.5 behind a sigmoid"
        ),
    ),
    (
        r"For binary cases, y must be|y must be comprised of 0's and 1's",
        (
            "the metric takes labels of 0 and 1: name those that count by output_transform=lambda out: (out[0], "
            "(out[1] > 0).long())"
        ),
    ),
    (
        (
            r"y and y_pred must have compatible shapes|y must have shape of|y_pred must have shape of|"
            r"[Ii]nput data type has changed|Invalid shapes of y|Inconsistent shapes|is_multilabel|"
            r"Predictions should be of shape|Argument y_pred must|Argument y must|Unexpected type of"
        ),
        (
            "the metric takes another form than the model's: give it output_transform=lambda out: (..., out[1]); "
            "out is (prediction, label), for several labels at once also is_multilabel=True"
        ),
    ),
    (
        r"(forward|cross_entropy|mse_loss)\(\) missing \d required positional arguments?: .*(target|input)",
        (
            "a loss in an attribute is used without calling it first: Loss(self.loss_fn), or write def loss_fn(self): "
            "return nn.CrossEntropyLoss()"
        ),
    ),
    (
        (
            r"Expected input batch_size \(\d+\) to match target batch_size|Expected hidden\[\d\] size|"
            r"Expected hidden size|shape '\[\d+, .*\]' is invalid for input of size"
        ),
        (
            "the batch is the first axis, of any size: give recurrent layers batch_first=True, and take its size from "
            "x.size(0)"
        ),
    ),
    (
        r"index out of range in self|device-side assert",
        "an embedding got an id that is not below its num_embeddings, or a negative one: number ids from 0",
    ),
    (
        r"view size is not compatible|Use \.reshape\(\.\.\.\) instead",
        "write x.reshape(...) instead of x.view(...)",
    ),
    (
        r"element 0 of tensors does not require grad|optimizer got an empty parameter list",
        (
            "nothing can be trained: parameters must be registered (nn.Parameter, nn.ModuleList) and not frozen, and "
            "forward must not detach them"
        ),
    ),
    (
        r"grad can be implicitly created only for scalar outputs",
        "the loss is one number for the batch: take its mean, or leave reduction='none' out",
    ),
    (
        r"name '(transforms|torchvision|models|datasets|pl|timm|plt|pd|tqdm|summary)' is not defined",
        "only torch, nn, F, optim, np, DataLoader, Dataset and Ignite's metrics are there without an import",
    ),
    (
        (
            r"SyncBatchNorm expected input tensor to be on GPU|[Dd]efault process group|"
            r"rendezvous|torch\.distributed"
        ),
        "a model trains in one process: leave torch.distributed and SyncBatchNorm out",
    ),
)

# The first pattern found in "Type: message" decides.
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), hint)
    for pattern, hint in (
        *_MACHINE_HINTS,
        *KERAS_HINTS,
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
        *_PYTORCH,
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
        *KERAS_FALLBACKS,
    )
)


# Where the message says too little, the line of the code may say more.
_LINE_HINTS: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = tuple(
    (re.compile(message), re.compile(line), hint)
    for message, line, hint in (
        (r"IndexError", r"gpus?\w*\[", "leave the set-up of GPUs out: the deployment does it"),
        (r"has no attribute", r"load_dataset", "samples come from the stream: leave loading data out"),
        (r"'units'", r"output_dim", "write units= for output_dim="),
    )
)


def hint_for(message: str, line: str = "") -> str:
    """Return the one thing to do about an error ``Type: message`` of a ``line``; empty when there is no advice."""
    for what, where, hint in _LINE_HINTS:
        if what.search(message) and where.search(line):
            return hint
    return next((hint for pattern, hint in _HINTS if pattern.search(message)), "")


# Of a text that is no Python: patterns of "Type: message" and of the line itself, "" for any.
_SYNTAX_HINTS: tuple[tuple[re.Pattern[str], re.Pattern[str], str], ...] = tuple(
    (re.compile(message), re.compile(line), hint)
    for message, line, hint in (
        (
            r"U\+(00A0|202F|2007|3000)",
            "",
            (
                "a space in this line is not the usual one (U+00A0, as web pages and word processors write it): "
                "write it again"
            ),
        ),
        (
            r"U\+(201[89CDEF]|00AB|00BB|201A|2032|2033|00B4)",
            "",
            "write the straight quotes ' or \" for typographic ones",
        ),
        (r"U\+(201[0-5]|2212)", "", "write the minus sign - for the dash"),
        (r"U\+(200[B-F]|FEFF|2060|00AD)", "", "this line holds a character that cannot be seen: write the line again"),
        (r"U\+2026", "", "the text was cut off at the dots: copy all of it"),
        (
            r"invalid (non-printable )?character",
            "",
            "this character is no Python: write the line again with plain ones",
        ),
        ("", r"^\s*%%\w+", "this cell is in another language: leave it out"),
        ("", r"=\s*[!%]\w", "this is a command of a notebook, not Python: leave the line out"),
        ("", r"^\s*[!%]", "this is a command of a notebook or a shell, not Python: leave the line out"),
        ("", r"^\s*(>>>|\.\.\.|In \[\d*\]:|Out\[\d*\]:)", "leave the prompts at the beginning of the lines out"),
        (
            "",
            r"^\s*(pip|conda|apt|apt-get|cd|python3?) +[\w./-]",
            "this is a command of a shell, not Python: leave it out",
        ),
        (r"call to 'print'|call to 'exec'", "", "this is Python 2: write print(...)"),
        (r"multiple exception types", "", "this is Python 2: write except (A, B) as error"),
        (r"TabError|inconsistent use of tabs", "", "indent all lines by spaces"),
        (r"IndentationError|unindent|unexpected indent", "", "lines of one block begin in the same column"),
        (r"'return' outside", "", "a line is not indented as the function's others are, or the def line is missing"),
        (r"was never closed|unexpected EOF|unterminated", "", "the end is missing: was all of the code copied?"),
    )
)


def syntax_hint(message: str, line: str) -> str:
    """Return what to do about a ``line`` that is no Python, for which it says ``message``; empty without advice."""
    return next((hint for what, where, hint in _SYNTAX_HINTS if what.search(message) and where.search(line)), "")

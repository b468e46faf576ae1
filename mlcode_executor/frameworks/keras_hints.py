"""What to write today instead of what tutorials of Keras 1, Keras 2 and TensorFlow 1 hold.

Pairs of a pattern, searched in "Type: message", and the hint. ``hints.py`` asks them in this order.
"""

from __future__ import annotations

__all__ = ["KERAS_FALLBACKS", "KERAS_HINTS"]

KERAS_HINTS = (
    (
        r"stateful=True` in a RNN",
        "leave stateful=True out: it would carry state over to other records; send each sequence as one record",
    ),
    (
        r"cannot add new elements of state",
        "make weights and layers in __init__() or build(self, input_shape), and only use them in call()",
    ),
    (
        r"keyword arguments? .*'(init)'|\binit=|unexpected keyword argument 'init'",
        "write kernel_initializer= for init=",
    ),
    (r"'border_mode'", "write padding= for border_mode=, and kernel_size=(3, 3) for the two numbers after the filters"),
    (
        r"'(subsample|nb_filter|nb_row|nb_col|dim_ordering|filter_length|pool_length|subsample_length)'",
        "these are Keras 1's names: filters=, kernel_size=, strides=, padding=, pool_size=, data_format=",
    ),
    (r"passed to Dense: .*'(output_dim)'", "write units= for output_dim="),
    (r"'(W|b|activity)_regularizer'|'(W|b)_constraint'", "write kernel_regularizer= and bias_regularizer="),
    (
        r"'(inner_activation|inner_init|forget_bias_init|dropout_[WU]|consume_less|return_sequence)'",
        (
            "these are Keras 1's names: recurrent_activation=, recurrent_initializer=, unit_forget_bias=, dropout=, "
            "recurrent_dropout="
        ),
    ),
    (
        r"passed to (Model|Functional)\b.*'(input|output)'|argument '(input|output)'",
        "write keras.Model(inputs=..., outputs=...)",
    ),
    (r"'nb_epoch'", "the deployment says how many epochs: leave model.fit() out"),
    (
        (
            r"got an unexpected keyword argument '(nb_val_samples|samples_per_epoch|nb_worker|max_q_size|"
            r"pickle_safe|workers|"
            r"use_multiprocessing|max_queue_size)'"
        ),
        "the deployment trains the model: leave model.fit() out",
    ),
    (r"np_utils", "write keras.utils.to_categorical; np_utils is gone"),
    (r"'batch_input_shape'|'batch_shape'", "begin the model with keras.Input(shape=...), without the batch size"),
    (r"'input_length'", "leave input_length out and begin the model with keras.Input(shape=(length,))"),
    (r"'(sample_weight_mode|weighted_loss|target_tensors)'", "leave it out: Keras 3's compile() has no such argument"),
    (
        (
            r"keras\.backend' has no attribute|module 'keras\.\S*backend\S*' has no attribute|"
            r"has no attribute '(set_)?learning_phase'"
        ),
        (
            "take the function from keras.ops (mean, square, sum, dot, ...), and leave sessions and "
            "learning_phase out: call "
            "layers with training=..."
        ),
    ),
    (
        (
            r"cannot import name '(merge|Merge|Highway|MaxoutDense|MaxoutLayer|AtrousConvolution\w*|"
            r"SeparableConvolution2D|"
            r"Deconvolution2D|ThresholdedReLU|Convolution\w+)'|has no attribute '(Merge|merge|Highway|MaxoutDense|"
            r"AtrousConvolution\w*|Deconvolution2D|ThresholdedReLU|LocallyConnected\dD)'"
        ),
        (
            "this layer is gone: write keras.layers.concatenate, add or multiply for merge; Conv2D(dilation_rate=...), "
            "Conv2DTranspose, or a layer of your own for the others"
        ),
    ),
    (
        r"No module named 'tensorflow\.(contrib|examples|models)|has no attribute 'contrib'",
        "tensorflow.contrib is gone: take the layer from keras.layers",
    ),
    (
        (
            r"No module named '(tensorflow\.python\.keras|tensorflow\.keras\.engine|keras\.engine|keras\.src\S*)'|"
            r"tensorflow\.python\.keras"
        ),
        "import from keras, whose inner modules have moved: keras.layers, keras.Model, ...",
    ),
    (
        (
            r"No module named '(tensorflow_addons|keras_contrib|keras_radam|keras_self_attention|"
            r"keras_layer_normalization)"
        ),
        (
            "not installed and no longer kept: Keras itself has AdamW, F1Score, GroupNormalization, "
            "MultiHeadAttention, ..."
        ),
    ),
    (
        r"No module named '(keras_tuner|kerastuner|hyperopt|optuna|talos|ray)",
        "leave the search out: put one model for each choice into a configuration, they are trained side by side",
    ),
    (
        (
            r"No module named '(tensorflow_hub|keras_nlp|keras_hub|keras_cv|efficientnet|"
            r"tf_keras|keras_applications)"
        ),
        (
            "not installed, and nothing can be downloaded: write the model with keras.layers or keras.applications and "
            "weights=None"
        ),
    ),
    (r"No module named '\S*(scikit_learn|scikeras)", "leave the wrapper out: the model itself is what is trained"),
    (r"TensorBoard is not installed", "leave TensorBoard out: the result's page draws the curves"),
    (r"pydot|graphviz", "leave plot_model out: the page shows the model's layers"),
    (
        (
            r"Physical devices cannot be modified|cannot be modified after initialization|Virtual devices cannot be|"
            r"list index out of range.*\bgpus?\b"
        ),
        "leave the set-up of GPUs and threads out: the deployment does it",
    ),
    (
        r"eager execution|numpy\(\) is only available|tf\.gradients is not supported",
        "models run with TensorFlow 2: leave disable_eager_execution() and sessions out",
    ),
    (
        (
            r"Could not interpret (optimizer|loss|metric|activation|initializer)[\w ]* identifier|Unknown "
            r"(optimizer|loss|metric|activation|layer)"
        ),
        "write the object instead of its name, for example keras.optimizers.Adam(), or correct the name",
    ),
    (
        r"has no attribute '(fit_generator|evaluate_generator|predict_generator)'",
        "Kafka-ML trains and evaluates the model: leave the call out",
    ),
    (
        r"filename must end in `\.weights\.h5`|`weights_only`|Invalid filepath extension for saving|file format not",
        "leave saving out: the trained model's files are kept for you",
    ),
    (
        (
            r"has no attribute '(wrappers|np_utils|legacy_tf_layers|layer_utils|multi_gpu_model)'|"
            r"cannot import name '(multi_gpu_model|np_utils|get_file|plot_model)'"
        ),
        "Keras 3 does not have it: leave it out",
    ),
)

# For what no other hint knows.
KERAS_FALLBACKS = (
    (
        r"cannot import name '\w+' from '(keras|tensorflow)",
        "Keras 3 has it elsewhere or no longer: look it up in keras.layers, keras.ops, keras.utils, keras.optimizers",
    ),
    (
        (
            r"has no attribute '(to_json|get_layer_by_name|uses_learning_phase|total_loss|targets|sample_weights|"
            r"metrics_tensors|_make_train_function|_function_kwargs)'"
        ),
        "Keras 3 has no such attribute: leave it out",
    ),
    (
        r"AttributeError: module '(keras|tensorflow)\S*' has no attribute",
        "Keras 3 has it elsewhere or no longer: look it up in keras.layers, keras.ops, keras.utils, keras.optimizers",
    ),
    (
        (
            r"Unrecognized keyword arguments? passed to|Argument\(s\) not recognized|"
            r"(compile|Layer\.__init__|__init__)\(\) got an unexpected keyword argument"
        ),
        "Keras 3 has no such argument: leave it out, or look its new name up in keras.io/api",
    ),
)

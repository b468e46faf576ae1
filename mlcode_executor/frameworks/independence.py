"""Finds out whether the answer for a record depends on other records in its batch or before it. Called before serving.

Records that happen to arrive together are predicted in one batch, so such a model would answer one record differently
from time to time. Works for every framework: all it needs is a function that predicts.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from mlcode_executor.frameworks.base import Array

__all__ = ["findings", "largest_difference"]

_SAMPLES = 64
_ALONE = 4
# Tolerance relative to the largest answer. Sums in another order differ by less; half precision and GPUs differ by
# more.
_TOLERANCE = 1e-3
_LOOSE_TOLERANCE = 2e-2
_FLOOR = 1e-5
# Integer answers, such as classes, may flip for a few samples whose scores are nearly equal.
_TIPPED_SHARE = 0.1

_RECURRENT = ("LSTM", "GRU", "RNN")
_ATTENTION = (
    "MultiheadAttention",
    "TransformerEncoderLayer",
    "TransformerDecoderLayer",
    "Transformer",
)

Predict = Callable[[Array], Sequence[Array]]


def findings(predict: Predict, features: Array, *, code: str, exact: bool = True) -> list[str]:
    """Return at most one warning about the answers for up to 64 of ``features`` (n, ...); [] where all is well.

    The warning names the likely line of ``code``. Without ``exact`` larger differences count as noise. An exception of
    ``predict`` for the whole batch passes through; a model that takes no other number of samples is a finding.
    """
    features = np.ascontiguousarray(features[:_SAMPLES])
    count = len(features)
    together = _copies(predict(features))
    difference = largest_difference(together, _copies(predict(features)), exact=exact)
    if difference is not None:
        return [
            f"the same batch of records is answered differently when it is asked again, {_by(difference)}: "
            + _because(_changing(code), "dropout at work in evaluation, or something kept from one call to the next")
        ]
    if count < 2:
        return []
    try:
        apart = _largest_apart(predict, features, together, exact=exact)
    except Exception as error:  # noqa: BLE001  whatever it raises, it was well with all of them
        return [
            f"the model predicts a batch of {count} records and fails with another number of them, as serving has: "
            f"{type(error).__name__}: {str(error)[:300]}" + "".join(f"; {doubt}" for doubt in _mixing(code)[:2])
        ]
    if apart is None:
        return []
    way, difference = apart
    return [
        f"answers depend on the other records of the batch: a record {way} is answered differently, "
        f"{_by(difference)}; "
        + _because(_mixing(code), "the batch axis is taken for another one, or BatchNorm works on the batch's own mean")
    ]


def largest_difference(first: Sequence[Array], second: Sequence[Array], *, exact: bool = True) -> float | None:
    """Return by how much two answers for the same samples differ; None when only by noise."""
    worst = None
    if len(first) != len(second):
        return float("inf")
    for one, other in zip(first, second, strict=True):
        if one.shape != other.shape:
            return float("inf")
        difference = _difference(one, other, exact=exact)
        if difference is not None:
            worst = max(worst or 0.0, difference)
    return worst


def _largest_apart(
    predict: Predict, features: Array, together: Sequence[Array], *, exact: bool
) -> tuple[str, float] | None:
    """Try several ways of batching the same records. Return the one whose answers differ most, and the difference."""
    count = len(features)
    half = count // 2
    alone = sorted({0, half, count - 1, count // 3})[:_ALONE]
    ways: list[tuple[str, Array, list[Array]]] = [
        ("in another order", np.arange(count)[::-1], _copies(predict(np.ascontiguousarray(features[::-1])))),
        ("among fewer of them", np.arange(half), _copies(predict(features[:half]))),
    ]
    ways += [("alone", np.array([index]), _copies(predict(features[index : index + 1]))) for index in alone]
    worst: tuple[str, float] | None = None
    for way, rows, answers in ways:
        expected = [output[rows] for output in together if output.ndim and len(output) == count]
        difference = largest_difference(expected or list(together), answers, exact=exact)
        if difference is not None and (worst is None or difference > worst[1]):
            worst = way, difference
    return worst


def _difference(one: Array, other: Array, *, exact: bool) -> float | None:
    if one.dtype.kind not in "fc" or not one.size:
        differing = one != other
        return 1.0 if differing.size and differing.mean() > _TIPPED_SHARE else None
    first, second = one.astype(np.float64), other.astype(np.float64)
    finite = np.isfinite(first) & np.isfinite(second)
    scale = float(np.abs(first[finite]).max(initial=0.0))
    difference = float(np.abs(first - second)[finite].max(initial=0.0))
    relative = _TOLERANCE if exact and one.dtype.itemsize > 2 else _LOOSE_TOLERANCE
    return difference if difference > _FLOOR + relative * scale else None


def _by(difference: float) -> str:
    return f"by up to {difference:.3g}" if np.isfinite(difference) else "in another shape"


def _copies(outputs: Sequence[Array]) -> list[Array]:
    return [np.array(output) for output in outputs]


def _because(suspects: Sequence[str], otherwise: str) -> str:
    return "; ".join(suspects[:2]) if suspects else f"likely are {otherwise}"


def _mixing(code: str) -> list[str]:
    """Find lines that treat the batch as another axis, or use the batch's own statistics."""
    found: list[str] = []
    for call, name in _calls(code):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if name in (*_RECURRENT, *_ATTENTION) and _is_torch(call) and not _is_true(given.get("batch_first")):
            found.append(
                f"line {call.lineno} makes nn.{name} without batch_first=True, so it takes the batch for the time"
            )
        elif name == "BatchNormalization" or name.startswith(("BatchNorm", "batch_norm")):
            if _is_false(given.get("track_running_stats")) or _is_true(given.get("training")):
                found.append(f"line {call.lineno} has {name} at work on the batch's own mean, also in evaluation")
        elif _is_true(given.get("training")):
            found.append(f"line {call.lineno} calls a layer with training=True, which is so in evaluation too")
        elif name in ("softmax", "log_softmax", "Softmax", "LogSoftmax", "mean", "sum", "max", "norm", "std", "var"):
            axis = given.get("dim", given.get("axis"))
            if isinstance(axis, ast.Constant) and axis.value == 0 and axis.value is not False:
                found.append(f"line {call.lineno} takes {name} over axis 0, which is the batch")
        elif name == "train" and not call.args and _within(code, call, ("forward", "call")):
            found.append(f"line {call.lineno} sets the model to training while it answers")
    # Findings about recurrent and attention layers come first, because users overlook those.
    return sorted(found, key=lambda text: "batch_first" not in text)


def _changing(code: str) -> list[str]:
    """Find lines that draw random numbers in evaluation, or keep state."""
    found: list[str] = []
    for call, name in _calls(code):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if name in ("dropout", "dropout1d", "dropout2d", "alpha_dropout", "feature_alpha_dropout", "dropout3d"):
            if "training" not in given or _is_true(given["training"]):
                found.append(
                    f"line {call.lineno} calls {name} without training=self.training, so it drops in evaluation too"
                )
        elif _is_true(given.get("training")):
            found.append(f"line {call.lineno} calls a layer with training=True, so it drops in evaluation too")
        elif name == "train" and not call.args and _within(code, call, ("forward", "call")):
            found.append(f"line {call.lineno} sets the model to training while it answers")
        elif name in ("rand", "randn", "rand_like", "randn_like", "normal", "uniform") and _within(
            code, call, ("forward", "call")
        ):
            found.append(f"line {call.lineno} draws random numbers while it answers")
    return found + [
        f"line {line} keeps self.{name} from one batch for the next" for line, name in sorted(_kept_attributes(code))
    ]


def _tree(code: str) -> ast.AST:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _calls(code: str) -> Iterator[tuple[ast.Call, str]]:
    """Every call in the code, with the last part of the called name."""
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            yield node, str(name)


def _functions(code: str, names: Sequence[str]) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            yield node


def _within(code: str, call: ast.Call, names: Sequence[str]) -> bool:
    return any(function.lineno <= call.lineno <= (function.end_lineno or 0) for function in _functions(code, names))


def _kept_attributes(code: str) -> Iterator[tuple[int, str]]:
    for function in _functions(code, ("forward", "call")):
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.lineno, node.attr


def _is_torch(call: ast.Call) -> bool:
    # Keras layers of the same names always have the batch axis first.
    owner = getattr(call.func, "value", None)
    return "layers" not in (getattr(owner, "attr", ""), getattr(owner, "id", ""))


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _is_false(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is False

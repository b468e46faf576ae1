"""What a loss takes as labels, by its name. Called before labels are handed over. Imports no framework.

Only losses of the frameworks themselves are known. What the user's own loss takes cannot be known.
"""

from __future__ import annotations

from typing import Any

__all__ = ["describe_loss", "takes_logits"]

_CLASSES = "classes"
_BINARY = "binary"
_ONE_HOT = "one_hot"
_SIGNS = "signs"
_NUMBERS = "numbers"

# Names in lower case without underscores, which a loss's function and class share.
_KERAS = {
    "sparsecategoricalcrossentropy": _CLASSES,
    "binarycrossentropy": _BINARY,
    "binaryfocalcrossentropy": _BINARY,
    "bce": _BINARY,
    "categoricalcrossentropy": _ONE_HOT,
    "categoricalfocalcrossentropy": _ONE_HOT,
    "categoricalhinge": _ONE_HOT,
    "hinge": _SIGNS,
    "squaredhinge": _SIGNS,
}
_PYTORCH = {
    "crossentropyloss": _CLASSES,
    "crossentropy": _CLASSES,
    "nllloss": _CLASSES,
    "multimarginloss": _CLASSES,
    "bceloss": _BINARY,
    "bcewithlogitsloss": _BINARY,
    "binarycrossentropy": _BINARY,
    "binarycrossentropywithlogits": _BINARY,
    "multilabelsoftmarginloss": _BINARY,
    "softmarginloss": _SIGNS,
    "hingeembeddingloss": _SIGNS,
    # Losses that take several labels, or labels of a special form.
    "multilabelmarginloss": "",
    "ctcloss": "",
}
_PYTORCH_LOGITS = frozenset(
    {
        "crossentropyloss",
        "crossentropy",
        "bcewithlogitsloss",
        "binarycrossentropywithlogits",
        "multilabelsoftmarginloss",
    }
)
# The label that torch's functions ignore by default; its classes name it in an attribute.
_PYTORCH_IGNORED = -100


def describe_loss(loss: Any) -> dict[str, Any]:
    """Return ``{kind, ignored}``: ``kind`` of the labels that ``loss`` takes, ``ignored`` the label that it leaves out.

    ``classes`` are numbers from 0 on, with one output for each. ``binary`` labels are 0 and 1, ``signs`` are -1 and 1.
    ``one_hot`` is a row for each sample, ``numbers`` are any numbers. ``kind`` is empty for unknown or several losses.
    """
    if isinstance(loss, str):
        # Only Keras takes losses by name, and only its own.
        return {"kind": _KERAS.get(_plain(loss), _NUMBERS), "ignored": None}
    wrapped = getattr(loss, "fn", None)
    named = wrapped if type(loss).__name__ == "LossFunctionWrapper" and callable(wrapped) else loss
    name = getattr(named, "__name__", None) or type(named).__name__
    module = str(getattr(named, "__module__", ""))
    if module.startswith("keras."):
        ignored = getattr(loss, "ignore_class", None)
        return {"kind": _KERAS.get(_plain(name), _NUMBERS), "ignored": ignored if isinstance(ignored, int) else None}
    if module.startswith("torch."):
        kind = _PYTORCH.get(_plain(name), _NUMBERS)
        ignored = getattr(loss, "ignore_index", _PYTORCH_IGNORED) if kind == _CLASSES else None
        return {"kind": kind, "ignored": ignored if isinstance(ignored, int) else None}
    return {"kind": "", "ignored": None}


def takes_logits(loss: Any) -> bool:
    """Whether ``loss`` is one of PyTorch's, class or function, that takes scores before a softmax or sigmoid."""
    name = getattr(loss, "__name__", None) or type(loss).__name__
    return str(getattr(loss, "__module__", "")).startswith("torch.") and _plain(name) in _PYTORCH_LOGITS


def _plain(name: str) -> str:
    return name.replace("_", "").lower()

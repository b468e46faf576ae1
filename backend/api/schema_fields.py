"""The meaning of fields, where their own objects do not give it.

A field is explained if it has a description, or if the description of its object names it (``_named_in``). A field that
an object inherits is explained by the base class. A field that many objects have is explained here, once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["explain_common", "explain_inherited", "needs_meaning", "unexplained"]

_RUN_TIMES = {
    "launched_at": "When the processes of the present attempt were started. Null before that.",
    "started_at": "When the present attempt began its work. Null before that.",
    "ended_at": "When it ended. Null before that.",
    "next_retry_at": "When the run is tried again after a failure. Null if it is not going to be.",
}
_IDS = {
    name: f"Id of the {noun}."
    for noun in ("configuration", "data set", "deployment", "inference", "model", "result", "stream")
    for name in (noun.replace(" ", ""), f"{noun.replace(' ', '')}_id")
}
# The meaning of a number, or of a field that may be null, in each object that says nothing else of it.
_COMMON: Mapping[str, str] = {
    **_RUN_TIMES,
    **_IDS,
    "attempt": "Number of the attempt, from 1. It is 0 before the first attempt.",
    "batch_size": "Number of samples in each training step.",
    "chain": "How the sub-models of distributed models are trained together. Null for ordinary models.",
    "count": "Number of objects on all pages together.",
    "current_version": "Number of the current version. Null before there is one.",
    "failure": "Why the last attempt failed. Null if it did not.",
    "gpu": "Number of GPUs for each training run or replica.",
    "incremental": "How an incremental training reads its stream. Null for other trainings.",
    "learning_rate": "Learning rate of the optimizer.",
    "loss_weight": "Weight of the exit's loss in the loss of the chain.",
    "max_replicas": "Largest number of replicas if the lag decides. Null if it does not.",
    "next": "Address of the next page. Null on the last page.",
    "number": "Number of the version, from 1.",
    "offset": "Offset of the record.",
    "parameters": "Number of weights, trainable or not. Null if it is not known.",
    "partition": "Partition of the topic.",
    "previous": "Address of the page before. Null on the first page.",
    "progress": "How far the run is. Null if it has not begun to work.",
    "replica": "Number of the replica, from 0.",
    "replicas": "Number of replicas.",
    "revision": "Revision of the inference's plan. It increases with each change of what replicas answer.",
    "rule": "When the challenger is promoted or dropped automatically. Null if a user decides.",
    "seed": "Seed of the split and of the initial weights.",
    "semi_supervised": "How unlabelled samples are learnt. Null if labelled samples alone are learnt.",
    "sent_at": "Timestamp of the announcement's record. Null if it has none.",
    "stream": "Id of the stream. Null while there is none.",
    "test_rate": "Share of the samples that test, from 0 to 1.",
    "upper_model": "Id of the next sub-model towards the cloud. Null for the highest, and for an ordinary model.",
    "validation_rate": "Share of the samples that validate, from 0 to 1.",
    "version": "Number of the version, from 1.",
    "visualization": "How predictions are shown live. Null if that is not set.",
}
# Endings of names that say what a number counts or measures.
_UNITS = ("_bytes", "_count", "_minutes", "_ms", "_seconds")
_MARKED = re.compile(r"``(.+?)``", re.DOTALL)
_SENTENCE_END = re.compile(r"(?<=\.)\s+(?=[A-Z`])")


def _types_of(schema: Mapping[str, Any]) -> set[str]:
    """Return the JSON types that a field may have, without those behind references."""
    kind = schema.get("type", ())
    options = [option for several in ("oneOf", "anyOf", "allOf") for option in schema.get(several, ())]
    return set([kind] if isinstance(kind, str) else kind).union(*map(_types_of, options))


def needs_meaning(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether the field may be null, or is a number whose name does not end with its unit."""
    types = _types_of(schema)
    is_number = not types.isdisjoint(("integer", "number"))
    return "null" in types or (is_number and name != "id" and not name.endswith(_UNITS))


def _named_in(text: str, name: str) -> bool:
    """Whether a description names the field, between double backticks."""
    return any(re.search(rf"\b{re.escape(name)}\b", marked) for marked in _MARKED.findall(text))


def unexplained(schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the fields of an object that neither their own descriptions nor that of the object explain."""
    about = schema.get("description", "")
    return {
        name: field
        for name, field in schema.get("properties", {}).items()
        if not field.get("description") and not _named_in(about, name)
    }


def explain_inherited(schema: Mapping[str, Any], class_: type) -> None:
    """Describe fields by those sentences of the base classes' docstrings that name them."""
    for name, field in unexplained(schema).items():
        for base in class_.__mro__[1:]:
            sentences = _SENTENCE_END.split(" ".join(inspect.cleandoc(base.__dict__.get("__doc__") or "").split()))
            if found := [sentence for sentence in sentences if _named_in(sentence, name)]:
                field["description"] = " ".join(found)
                break


def explain_common(schema: Mapping[str, Any]) -> None:
    """Describe fields that have the same meaning in all objects."""
    for name, field in unexplained(schema).items():
        if name in _COMMON and needs_meaning(name, field):
            field["description"] = _COMMON[name]

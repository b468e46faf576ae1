"""FileOptions: what the user says about a file; None and "" mean that it should be found out."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LABEL_NAMES", "LAST_LABEL_NAMES", "FileOptions"]

# A column or array with one of these names holds the labels, wherever it stands.
LABEL_NAMES = (
    "label", "labels", "y", "target", "targets", "class", "classes", "target_name", "class_name", "classname",
    "class_label", "y_train", "train_y", "arr_1",
)  # fmt: skip
# A last column with one of these names holds the labels.
LAST_LABEL_NAMES = (
    "species", "variety", "quality", "outcome", "output", "diagnosis", "category", "result", "response", "type",
    "survived", "churn", "default", "grade", "rating", "price", "medv", "etiqueta", "clase", "klasse",
)  # fmt: skip


@dataclass(frozen=True)
class FileOptions:
    """``features`` and ``labels`` name columns (comma-separated), arrays of an archive, or a second file of labels.

    ``with_labels`` is False if the samples are values to predict. ``label_required``: refuse a file whose labels cannot
    be determined, rather than send samples without.
    """

    features: str = ""
    labels: str = ""
    with_labels: bool = True
    label_required: bool = False
    skip: int = 0
    limit: int | None = None
    drop_missing: bool = False
    delimiter: str = ""
    decimal: str = ""
    thousands: str = ""
    encoding: str = ""
    header: bool | None = None
    missing: str | None = None
    dtype: str = ""

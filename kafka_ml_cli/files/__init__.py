"""Reads samples and labels from files, for ``kafka-ml send``. Never unpickles anything, never changes a number.

``open_samples`` is the way in; ``arrays`` reads NPY and NPZ, ``delimited`` CSV, ``typed`` Parquet and JSON, ``table``
makes samples of columns.
"""

from __future__ import annotations

from pathlib import Path

from kafka_ml_cli.files.options import FileOptions
from kafka_ml_cli.files.samples import Part, Samples
from kafkaml.errors import RefusedError

__all__ = ["SUFFIXES", "FileOptions", "Part", "Samples", "open_samples"]

_DELIMITED = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat")
_JSON = (".json", ".jsonl", ".ndjson")
_PARQUET = (".parquet", ".pq")
SUFFIXES = (*_DELIMITED, *_JSON, *_PARQUET, ".npz", ".npy")
_SHEETS = (".xlsx", ".xls", ".ods", ".xlsm")


def open_samples(path: Path, options: FileOptions) -> Samples:
    """Look into a file, by its suffix, and return the samples it holds.

    Raises RefusedError that says where (row, column), what was found and what to do.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else "".join(suffixes[-1:])
    if suffix in _SHEETS:
        raise RefusedError(f"{path} is a spreadsheet", hint="save it as CSV (in Excel: CSV UTF-8) and send that")
    if suffix not in SUFFIXES:
        raise RefusedError(f"{path}: expected a file that ends with {', '.join(SUFFIXES)}")
    try:
        samples = _opened(path, suffix, options)
    except FileNotFoundError as error:
        raise RefusedError(f"there is no file {error.filename or path}") from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"{path} cannot be read: {error}") from error
    if not samples.count:
        left = " that are complete" if options.drop_missing else ""
        raise RefusedError(f"{path} holds no samples{left} after --skip {options.skip}")
    return samples


def _opened(path: Path, suffix: str, options: FileOptions) -> Samples:
    if suffix in (".npz", ".npy"):
        from kafka_ml_cli.files.arrays import npy_samples, npz_samples

        return (npz_samples if suffix == ".npz" else npy_samples)(path, options)
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise RefusedError(
            f"{path}: reading such files needs the package pyarrow", hint="pip install 'kafka-ml[files]', or pyarrow"
        ) from None
    from kafka_ml_cli.files.delimited import DelimitedFile
    from kafka_ml_cli.files.table import Table, table_samples
    from kafka_ml_cli.files.typed import JsonFile, ParquetFile

    table: Table
    if suffix in _DELIMITED:
        table = DelimitedFile(path, options)
    else:
        table = ParquetFile(path) if suffix in _PARQUET else JsonFile(path)
    return table_samples(table, options)

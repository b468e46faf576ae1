"""ContractSource: a stream without end becomes samples by the contract of a data set. Called by ``window_decoding``.

What the contract learns (vocabularies, scales, classes) is learnt once, of those records of the first window that
train, and stays so: later windows are read by it as serving reads its input, by the same code. Which records validate
is told by their content, key or time, whatever window they are in.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.codecs.columns import contract_of
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.contract.fit import endless_problems
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError, RefusedError
from kafkaml.named_inputs import dtype_to_json, in_one
from kafkaml.records import RecordBatch
from kafkaml.shapes import DataMismatch
from kafkaml.wire.contract import Contract, Learnt, SplitBy, fit_records_of
from model_training.window import Failures, HeldOut, Reading, Rows, Taken, Told

if TYPE_CHECKING:
    from kafkaml.contract.compiled import CompiledContract, Decoded

__all__ = ["ContractSource"]


class ContractSource:
    """Records by the contract of ``stream``, going on behind ``past``. Not safe for several threads."""

    # Classes are numbered by their names, and numbers of a regression may have fractions.
    whole_labels = False

    def __init__(self, stream: ControlMessage, past: Reading, *, held_out: HeldOut, with_labels: bool) -> None:
        contract, _ = contract_of(stream.input_config)
        if problems := endless_problems(contract):
            error = problems[0].error
            raise DataMismatch(f"the stream is a data set without end: {error.message}", hint=error.hint)
        self.contract: Contract = contract if with_labels else contract.model_copy(update={"labels": ()})
        self.least = fit_records_of(stream.input_config)
        self._held_out = held_out
        self._notes: tuple[str, ...] = ()
        self._is_told = past.told is not None
        # Records of which nothing may be learnt yet, because they make no sample.
        self._early = Taken()
        self._learnt: Learnt | None = None
        self._compiled: CompiledContract | None = None
        if past.told is not None:
            self._learnt = Learnt.model_validate(past.told.settings["learnt"])
            self._compiled = self._compile(self._learnt)
            if self._compiled.state is not None:
                self._compiled.state.take(past.state)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The texts that labels stand for, none of numbers."""
        return () if self._learnt is None else self._learnt.classes

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What is known of keys behind the records that were decoded last."""
        state = None if self._compiled is None else self._compiled.state
        return {} if state is None else state.snapshot()

    def decode(self, taken: Taken, *, labelled: bool = True) -> tuple[Rows, Failures]:
        """Return the samples of records; windows end with a record, and begin with some that came before.

        Raises DecodeError when nothing can be learnt of the first of them.
        """
        assert labelled, "a data set of columns has no topic without labels"
        early = len(self._early.places)
        everything = self._early.joined(taken)
        places = range(len(everything.places))
        # Windows, and values that are carried on, go by offsets.
        order = sorted(places, key=everything.places.__getitem__) if self.contract.stateful else list(places)
        batch = (everything.take(order) if self.contract.stateful else everything).batch
        at = np.array(order, np.intp) - early
        failures = self._learn(batch) if self._compiled is None else None
        if failures is None:
            assert self._compiled is not None
            decoded = self._compiled.decode(batch)
            failures = decoded.failures
            if self._compiled.state is not None:
                self._compiled.state.commit()
                self._compiled.state.forget(self._compiled.state.expired(int(time.time() * 1000)))
            rows = self._rows(decoded, batch, at)
        else:
            rows = Rows(np.zeros(0), None, np.zeros(0, np.intp))
        self._early = Taken()
        if not self._is_told and self.contract.stateful and not len(rows.features):
            # Another attempt, which goes on behind the last window with samples, has to learn of the same records.
            self._early, self._compiled, self._learnt = everything, None, None
            self.least = 2 * len(everything.places)
        # Those of early records were told.
        return rows, [(int(at[index]), error) for index, error in failures if at[index] >= 0]

    def tell(self, rows: Rows) -> Told:
        """Return what the first records told."""
        assert self._learnt is not None
        self._is_told = True
        return Told(
            settings={"learnt": self._learnt.to_json()},
            features=(dtype_to_json(rows.features.dtype), rows.features.shape[1:]),
            labels=None if rows.labels is None else (rows.labels.dtype.str, rows.labels.shape[1:]),
            notes=self._notes,
        )

    def _compile(self, learnt: Learnt | None) -> CompiledContract:
        # Polars takes 40 MB, which trainings on other streams need not have.
        from kafkaml.contract.compiled import CompiledContract

        return CompiledContract(
            self.contract, learnt, lookup=SchemaRegistry.from_environment(), labelled=learnt is not None
        )

    def _learn(self, batch: RecordBatch) -> Failures | None:
        """Learn of the first records; returns why none of them can be read, if so."""
        try:
            compiled = self._compile(None)
            raw = compiled.raw(batch)
            if not len(raw.rows):
                return raw.failures
            trains = ~self._validates(batch, raw.kept)
            self._learnt = compiled.learn_of(raw.rows, trains)
        except RefusedError as error:
            hint = f"{error.hint}; " if error.hint else ""
            raise DecodeError(
                f"nothing can be learnt of the first {len(batch)} records: {error.message}",
                hint=f"{hint}let it learn of more of them (fit_records), or change the contract",
            ) from error
        self._compiled = self._compile(self._learnt)
        note = (
            f"vocabularies, scales and classes are those of the first {len(raw.rows)} records that can be read, of "
            f"which {int(trains.sum())} train, and stay so"
        )
        self._notes = (note,)
        return None

    def _rows(self, decoded: Decoded, batch: RecordBatch, at: NDArray[np.intp]) -> Rows:
        """Return the samples; ``at`` are the places of the batch's records among those taken, rising where none of
        them waits for others.
        """
        labels, origins = decoded.labels, at[decoded.kept]
        rows = Rows(in_one(decoded.inputs), labels, origins, self._validates(batch, decoded.kept))
        if self.contract.stateful:
            rows = rows.where(np.argsort(origins))
        if rows.labels is None or self.contract.window is None:
            return rows
        # A record without a label counts in the windows of others.
        missing: NDArray[Any] = np.isnan(rows.labels) if rows.labels.dtype.kind == "f" else rows.labels < 0
        labelled: NDArray[Any] = np.asarray(~missing.any(axis=tuple(range(1, missing.ndim))))
        return rows.where(labelled)

    def _validates(self, batch: RecordBatch, kept: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which of the samples that end with the records ``kept`` validate: (kept,)."""
        rate = self._held_out.rate
        if self.contract.split == SplitBy.TIME:
            times = np.array(batch.columns().timestamps_ms, np.int64)[kept]
            newest = np.argsort(times, kind="stable")[len(kept) - int(rate * len(kept)) :]
            flags = np.zeros(len(kept), np.bool_)
            flags[newest] = True
            return flags
        texts = batch.keys() if self.contract.split == SplitBy.KEY else batch.values()
        below = int(rate * (1 << 64))
        seed = self._held_out.seed.to_bytes(8, "big")
        drawn = {text: _drawn(text or b"", seed) < below for text in {texts[index] for index in kept.tolist()}}
        return np.array([drawn[texts[index]] for index in kept.tolist()], np.bool_)


def _drawn(text: bytes, seed: bytes) -> int:
    """Return a number below 2^64 that depends on both alone."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=seed).digest(), "big")

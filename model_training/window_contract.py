"""ContractSource: turns an unbounded stream into samples by the contract of a data set. Called by ``window_decoding``.

The contract learns its vocabularies, scales and classes once, from the training records of the first window. Later
windows are read with these, by the same code that serving uses. A record's content, key or time decides whether it
validates, independent of its window.
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
from model_training.window import Decided, Failures, HeldOut, Reading, Rows, Taken

if TYPE_CHECKING:
    from kafkaml.contract.compiled import CompiledContract, Decoded

__all__ = ["ContractSource"]


class ContractSource:
    """Reads records by the contract of ``stream``, continuing after ``past``. Not thread-safe."""

    # Classes are numbered by their names, and regression targets may have fractions, so floats stay floats.
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
        self._has_decided = past.decided is not None
        # Records that the contract may not learn from yet, because they do not make a sample.
        self._early = Taken()
        self._learnt: Learnt | None = None
        self._compiled: CompiledContract | None = None
        if past.decided is not None:
            self._learnt = Learnt.model_validate(past.decided.settings["learnt"])
            self._compiled = self._compile(self._learnt)
            if self._compiled.state is not None:
                self._compiled.state.take(past.state)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The texts that labels stand for; empty for numbers."""
        return () if self._learnt is None else self._learnt.classes

    @property
    def state(self) -> Mapping[str, NDArray[Any]]:
        """What is known of keys after the records decoded last."""
        state = None if self._compiled is None else self._compiled.state
        return {} if state is None else state.snapshot()

    def decode(self, taken: Taken, *, labelled: bool = True) -> tuple[Rows, Failures]:
        """Return the samples of records. The windows of the contract end with a record and may begin in earlier ones.

        Raises DecodeError when nothing can be learnt from the first of them.
        """
        assert labelled, "a data set of columns has no topic without labels"
        early = len(self._early.places)
        everything = self._early.joined(taken)
        places = range(len(everything.places))
        # Windows and carried-on values follow the order of offsets.
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
        if not self._has_decided and self.contract.stateful and not len(rows.features):
            # Another attempt continues after the last window with samples and must learn from the same records.
            self._early, self._compiled, self._learnt = everything, None, None
            self.least = 2 * len(everything.places)
        # Failures of early records are left out, because they were reported already.
        return rows, [(int(at[index]), error) for index, error in failures if at[index] >= 0]

    def tell(self, rows: Rows) -> Decided:
        """Return what the first records decided."""
        assert self._learnt is not None
        self._has_decided = True
        return Decided(
            settings={"learnt": self._learnt.to_json()},
            features=(dtype_to_json(rows.features.dtype), rows.features.shape[1:]),
            labels=None if rows.labels is None else (rows.labels.dtype.str, rows.labels.shape[1:]),
            notes=self._notes,
        )

    def _compile(self, learnt: Learnt | None) -> CompiledContract:
        # Import late, because Polars takes 40 MB that trainings on other streams do not need.
        from kafkaml.contract.compiled import CompiledContract

        return CompiledContract(
            self.contract, learnt, lookup=SchemaRegistry.from_environment(), labelled=learnt is not None
        )

    def _learn(self, batch: RecordBatch) -> Failures | None:
        """Learn from the first records; returns the reason when none of them can be read."""
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
        """Return the samples; ``at`` gives each record of the batch its index among those taken. The indices ascend,
        unless some records wait for others.
        """
        labels, origins = decoded.labels, at[decoded.kept]
        rows = Rows(in_one(decoded.inputs), labels, origins, self._validates(batch, decoded.kept))
        if self.contract.stateful:
            rows = rows.where(np.argsort(origins))
        if rows.labels is None or self.contract.window is None:
            return rows
        # A record without a label was needed for the windows of others, but is not a sample itself.
        missing: NDArray[Any] = np.isnan(rows.labels) if rows.labels.dtype.kind == "f" else rows.labels < 0
        labelled: NDArray[Any] = np.asarray(~missing.any(axis=tuple(range(1, missing.ndim))))
        return rows.where(labelled)

    def _validates(self, batch: RecordBatch, kept: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which of the samples that end with the records ``kept`` are for validation: (kept,)."""
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
    """Return a number below 2^64 that depends only on the two arguments."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=seed).digest(), "big")

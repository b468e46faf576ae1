"""The hot path of serving: batches go through shared memory, and only a few bytes through a socket.

``Predictor`` is the runner's side, ``prepare`` and ``serve_predictions`` the model process's. Two slots of input and
output let the runner fill and submit one batch while the other is being computed. Batches are padded to a few sizes
by handing the model the rest of the slot, so nothing is copied on the way in.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kafkaml.closing import Closing
from kafkaml.errors import BrokenError, DeadlineExceeded, FailedError, KafkaMLError, UserCodeError
from kafkaml.named_inputs import dtype_from_json, dtype_to_json
from mlcode_executor.protocol import FrameError, error_from_json, error_to_json
from mlcode_executor.shared_array import SharedArray, check_dtype, check_shape
from mlcode_executor.warming import BUCKETS, Growth, Measured, WarmUp, bucket_for

if TYPE_CHECKING:
    from mlcode_executor.process import ModelProcess

__all__ = ["BUCKETS", "PREPARE", "SERVE", "Predictor", "bucket_for", "prepare", "serve_predictions"]

Array = npt.NDArray[Any]
PredictFunction = Callable[[Array], Sequence[Array]]

# Names of the two calls that set the hot path up.
PREPARE = "prepare_predictor"
SERVE = "serve_predictions"

_SLOTS = 2
# Runs shorter than this are timed again, because the first run may include compilation and first allocations.
_SURE_SECONDS = 0.05
# A number of an answer takes about this many bytes as JSON, and the runner holds several copies of it.
_JSON_BYTES = 16
_ANSWER_COPIES = 3
_REQUEST = struct.Struct("<II")  # slot, count
_REPLY = struct.Struct("<III")  # 0 or 1 for an error, slot, count; JSON of the error follows
_MAX_REPLY_BYTES = 64 << 10
# Largest output. The limit protects the runner against a model process that describes outputs of terabytes.
_MAX_OUTPUT_BYTES = 4 << 30


class Predictor(Closing):
    """Runs the loaded model of ``process`` on batches; call ``load`` first. Not thread-safe; a context manager.

    ``max_batch`` is what was asked for, or less where memory and time allow less (``warm_up`` decides). Write up to
    ``max_batch`` samples of ``sample_shape`` into ``input_buffer`` (or ``input_array``), ``submit``
    their count, ``collect`` the answers in the same order. Two batches can be under way; the arrays that ``collect``
    returns are views, valid until the second ``submit`` after it. No other call can be made until ``close``.
    """

    def __init__(
        self,
        process: ModelProcess,
        input_dtype: npt.DTypeLike,
        sample_shape: Sequence[int],
        max_batch: int,
        *,
        timeout_seconds: float = 30,
        warm_timeout_seconds: float = 120,
        warm_up: WarmUp | None = None,
    ) -> None:
        self._process = process
        self._timeout_seconds = timeout_seconds
        dtype, shape = np.dtype(input_dtype), tuple(sample_shape)
        warm_up = warm_up or WarmUp(max_batch)
        outputs = self._warm(warm_up, dtype, shape, warm_timeout_seconds)
        self.outputs = outputs
        self.max_batch = max_batch = warm_up.largest
        about = {"max_batch": max_batch}
        self._input = SharedArray.allocate((_SLOTS, max_batch, *shape), dtype, writable=False)
        self._outputs = [
            SharedArray.allocate((_SLOTS, max_batch, *each_shape), each_dtype) for each_dtype, each_shape in outputs
        ]
        self._output_arrays = [output.array for output in self._outputs]
        self._buffers = [memoryview(self._input.array[slot].reshape(-1).view(np.uint8)) for slot in range(_SLOTS)]
        self._next_slot = 0
        self._in_flight: deque[tuple[int, int]] = deque()
        self._reply = bytearray(_REPLY.size + _MAX_REPLY_BYTES)
        self._socket = self._attach(about)

    @property
    def input_buffer(self) -> memoryview:
        """Bytes of the slot that the next ``submit`` sends: ``max_batch`` samples one after the other."""
        return self._buffers[self._next_slot]

    @property
    def input_array(self) -> Array:
        """The same slot as an array (max_batch, *sample_shape)."""
        slot: Array = self._input.array[self._next_slot]
        return slot

    @property
    def in_flight(self) -> int:
        """How many batches were submitted and not yet collected: 0, 1 or 2."""
        return len(self._in_flight)

    def fileno(self) -> int:
        """Return the descriptor that is readable once ``collect`` would not block (also when the process died)."""
        return self._socket.fileno()

    def submit(self, count: int) -> None:
        """Start predicting the first ``count`` samples of ``input_buffer``, which then is the other slot's."""
        if not 0 < count <= self.max_batch:
            raise BrokenError(f"cannot predict a batch of {count}: expected 1 to {self.max_batch}")
        if len(self._in_flight) == _SLOTS:
            raise BrokenError("two batches are under way already; collect one first")
        slot = self._next_slot
        try:
            self._socket.send(_REQUEST.pack(slot, count))
        except OSError as error:
            raise self._process.explain_death("predicting") from error
        self._in_flight.append((slot, count))
        self._next_slot = 1 - slot

    def collect(self) -> list[Array]:
        """Wait for the oldest batch; returns an array (count, ...) for each output.

        Raises UserCodeError if the model refused this batch (the next one may do), ModelProcessDied, or
        DeadlineExceeded after killing the process.
        """
        if not self._in_flight:
            raise BrokenError("no batch is under way; submit one first")
        slot, count = self._in_flight.popleft()
        try:
            size = self._socket.recv_into(self._reply)
        except BlockingIOError as error:
            self._process.close()
            raise DeadlineExceeded(
                f"no prediction for a batch of {count} within {self._timeout_seconds:g} s; the model process was ended",
                hint="use a smaller batch or a smaller model",
            ) from error
        except OSError:
            size = 0
        if size == 0:
            raise self._process.explain_death("predicting")
        return self._answer(slot, count, size)

    def close(self) -> None:
        """End the hot path, after which the process takes other calls again."""
        self._socket.close()
        # ``collect`` has already reported a process that died.
        with contextlib.suppress(FailedError):
            self._process.finish_call(SERVE, deadline=time.monotonic() + 10, timeout_seconds=10)
        self._input.close()
        for output in self._outputs:
            output.close()

    def _warm(
        self, warm_up: WarmUp, dtype: np.dtype[Any], shape: tuple[int, ...], timeout_seconds: float
    ) -> list[tuple[np.dtype[Any], tuple[int, ...]]]:
        """Run the model with each size that ``warm_up`` chooses; returns dtype and shape of each output of a sample."""
        outputs: list[tuple[np.dtype[Any], tuple[int, ...]]] | None = None
        growth = Growth(self._process.pid)
        while (size := warm_up.next_size()) is not None:
            about = {"dtype": dtype_to_json(dtype), "sample_shape": list(shape), "size": size}
            with growth.watched():
                described = self._process.call(PREPARE, about, timeout_seconds=timeout_seconds)
            found = _checked_outputs(described, size)
            if outputs is None:
                outputs = found
                warm_up.bound(_bytes_per_sample(dtype, shape, outputs))
            elif found != outputs:
                raise UserCodeError(f"outputs change with the batch: {outputs} and {found}; expected fixed shapes")
            warm_up.note(_measured(described, size, growth))
        assert outputs is not None
        return outputs

    def _attach(self, about: Mapping[str, Any]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Use the kernel's timeout, because Python's costs a second system call per batch.
        whole = int(self._timeout_seconds)
        micro = int((self._timeout_seconds - whole) * 1e6)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            ours.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", whole, micro))
        arrays = {"input": self._input} | {f"output{index}": output for index, output in enumerate(self._outputs)}
        with theirs:
            self._process.begin_call(SERVE, about, arrays=arrays, files={"socket": theirs.fileno()})
        return ours

    def _answer(self, slot: int, count: int, size: int) -> list[Array]:
        if size < _REPLY.size:
            raise self._nonsense(f"{size} bytes")
        failed, its_slot, its_count = _REPLY.unpack_from(self._reply)
        if (its_slot, its_count) != (slot, count) or failed not in (0, 1):
            raise self._nonsense(f"batch {its_slot} of {its_count}, expected {slot} of {count}")
        if failed:
            raise self._reported(bytes(self._reply[_REPLY.size : size]))
        return [output[slot, :count] for output in self._output_arrays]

    def _reported(self, body: bytes) -> KafkaMLError:
        try:
            return error_from_json(json.loads(body))
        except (ValueError, RecursionError, FrameError) as error:
            return self._nonsense(str(error))

    def _nonsense(self, what: str) -> FailedError:
        self._process.close()
        return FailedError(f"the model process answered nonsense ({what}); it was ended")


def prepare(predict: PredictFunction, params: Mapping[str, Any]) -> dict[str, Any]:
    """Run ``size`` samples of zeros; returns ``{outputs: [{dtype, shape}], seconds, first_seconds, peak_bytes}``.

    Shapes are without the batch axis; ``peak_bytes`` is the most that was resident in this process's life.
    """
    dtype, shape, size = dtype_from_json(params["dtype"]), tuple(params["sample_shape"]), int(params["size"])
    samples = np.zeros((size, *shape), dtype)
    began = time.monotonic()
    answers = [np.asarray(answer) for answer in predict(samples)]
    first_seconds = seconds = time.monotonic() - began
    if first_seconds > _SURE_SECONDS:
        began = time.monotonic()
        predict(samples)
        seconds = min(seconds, time.monotonic() - began)
    for answer in answers:
        if answer.shape[:1] != (size,):
            raise UserCodeError(
                f"an output has shape {list(answer.shape)} for a batch of {size}: expected its first axis to be {size}"
            )
    return {
        "outputs": [{"dtype": answer.dtype.str, "shape": list(answer.shape[1:])} for answer in answers],
        "seconds": seconds,
        "first_seconds": first_seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def serve_predictions(
    sock: socket.socket,
    predict: PredictFunction,
    params: Mapping[str, Any],
    arrays: Mapping[str, Array],
    describe: Callable[[BaseException], KafkaMLError],
) -> None:
    """Answer batches until the runner closes its end. ``arrays``: input (2, max_batch, ...), output0, output1, ...

    ``describe`` turns an exception of the model into the error for the runner.
    """
    max_batch = int(params["max_batch"])
    samples = arrays["input"]
    outputs = [arrays[f"output{index}"] for index in range(len(arrays) - 1)]
    request = bytearray(_REQUEST.size)
    with sock:
        while sock.recv_into(request) == _REQUEST.size:
            slot, count = _REQUEST.unpack(request)
            try:
                answers = predict(samples[slot, : bucket_for(count, max_batch)])
                for output, answer in zip(outputs, answers, strict=True):
                    output[slot, :count] = answer[:count]
                reply = _REPLY.pack(0, slot, count)
            except Exception as error:  # noqa: BLE001  one bad batch must not end serving
                reply = _REPLY.pack(1, slot, count) + _error_body(describe(error))
            with contextlib.suppress(BrokenPipeError):
                sock.send(reply)


def _error_body(error: KafkaMLError) -> bytes:
    document = error_to_json(error)
    # Drop tracebacks, because they are long and a poisoned stream causes thousands of these errors.
    return json.dumps(document | {"traceback_text": document.get("traceback_text", "")[-4096:]}).encode()[
        :_MAX_REPLY_BYTES
    ]


def _checked_outputs(described: Mapping[str, Any], max_batch: int) -> list[tuple[np.dtype[Any], tuple[int, ...]]]:
    try:
        outputs = [(check_dtype(output["dtype"]), check_shape(output["shape"])) for output in described["outputs"]]
        if not 0 < len(outputs) <= 32:
            raise ValueError(f"{len(outputs)} outputs, expected 1 to 32")
        size = sum(math.prod(shape) * dtype.itemsize for dtype, shape in outputs) * max_batch * _SLOTS
        if size > _MAX_OUTPUT_BYTES:
            raise ValueError(f"outputs take {size} bytes, at most {_MAX_OUTPUT_BYTES} are allowed")
    except (KeyError, TypeError, ValueError) as error:
        raise FailedError(f"the model process described outputs that cannot be: {error}") from error
    return outputs


def _bytes_per_sample(
    dtype: np.dtype[Any], shape: tuple[int, ...], outputs: Sequence[tuple[np.dtype[Any], tuple[int, ...]]]
) -> int:
    """Return the bytes per sample outside the model process: shared arrays, decoded copies, its answer."""
    taken = math.prod(shape) * dtype.itemsize
    given = sum(math.prod(each_shape) * dtype.itemsize for dtype, each_shape in outputs)
    answer = _JSON_BYTES * sum(math.prod(each_shape) for _, each_shape in outputs)
    return _SLOTS * (2 * taken + given) + _ANSWER_COPIES * answer


def _measured(described: Mapping[str, Any], size: int, growth: Growth) -> Measured:
    try:
        seconds, first_seconds = float(described["seconds"]), float(described["first_seconds"])
        growth_bytes = growth.upon(int(described["peak_bytes"]))
        if not 0 <= seconds <= first_seconds < math.inf:
            raise ValueError(f"{seconds} and {first_seconds} is not a number of seconds")
    except (KeyError, TypeError, ValueError) as error:
        raise FailedError(f"the model process described a run that cannot be: {error}") from error
    return Measured(size, seconds, first_seconds, growth_bytes)

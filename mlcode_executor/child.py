"""The program inside the model process: reads the runner's requests, passes them to the framework's handler, answers.

Runs after the sandbox has closed around it (``mlcode_executor/sandbox``). User code shares this process, so nothing
here is a defence: the runner trusts no answer.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from kafkaml.errors import BrokenError, KafkaMLError, UserCodeError
from mlcode_executor import predictor
from mlcode_executor.death import MEMORY_EXIT_CODE, out_of_memory
from mlcode_executor.protocol import Channel, ChannelClosed, FrameError, error_to_json
from mlcode_executor.runtimes import Handler
from mlcode_executor.said import class_of, text_of
from mlcode_executor.shared_array import map_array

__all__ = ["serve"]

# Messages of allocators that do not raise MemoryError: libtorch, TensorFlow, C++.
_OUT_OF_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|OOM when allocating|std::bad_alloc|"
    r"failed to allocate memory|unable to allocate",
    re.IGNORECASE,
)


def serve(handler: Handler, control: socket.socket) -> NoReturn:
    """Answer requests until the runner closes its end, then end the process."""
    channel = Channel(control, accept_descriptors=True)
    try:
        channel.send({"ready": True})
        while True:
            _answer(handler, channel)
    except (ChannelClosed, FrameError):
        os._exit(0)
    except MemoryError:
        os._exit(MEMORY_EXIT_CODE)


def _answer(handler: Handler, channel: Channel) -> None:
    request, descriptors = channel.receive()
    try:
        try:
            answer = {"result": _dispatch(handler, channel, request, descriptors)}
        except ChannelClosed:
            raise
        except BaseException as error:  # noqa: BLE001  whatever user code raises becomes an answer
            answer = {"error": error_to_json(_describe(error))}
        _flush()
        try:
            channel.send(answer)
        except FrameError as error:
            # Only names and texts from the user's code make an answer too large, so the error is the user's.
            refusal = UserCodeError(
                f"what the model answers to {request.get('method')!r} cannot be sent: {error}",
                kind="invalid",
                hint="give layers, inputs and metrics fewer and shorter names",
            )
            channel.send({"error": error_to_json(refusal)})
    finally:
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _dispatch(
    handler: Handler, channel: Channel, request: Mapping[str, Any], descriptors: Sequence[int]
) -> dict[str, Any]:
    method, params = request["method"], request["params"]
    arrays = {name: map_array(description, descriptors) for name, description in request["arrays"].items()}
    files = {name: descriptors[index] for name, index in request["files"].items()}
    if method == predictor.PREPARE:
        return predictor.prepare(handler.predict, params)
    if method == predictor.SERVE:
        sock = socket.socket(fileno=os.dup(files["socket"]))
        predictor.serve_predictions(sock, handler.predict, params, arrays, _describe)
        return {}

    def emit(event: str, data: dict[str, Any]) -> None:
        channel.send({"event": event, "data": data})

    return handler.call(method, params, arrays, files, emit)


def _describe(error: BaseException) -> KafkaMLError:
    if any(_is_out_of_memory(cause) for cause in _chain(error)):
        return out_of_memory(_first_line(error))
    if isinstance(error, KafkaMLError):
        return error
    if isinstance(error, FrameError):
        return BrokenError(str(error))
    # Handlers report an error of user code with its line. An exception that gets this far escaped them.
    return UserCodeError(f"{class_of(error)}: {_first_line(error)}", traceback_text=_traceback(error))


def _traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001  names of files and functions are the user's
        return ""


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    return not isinstance(error, KafkaMLError) and bool(_OUT_OF_MEMORY.search(_first_line(error)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    # The number of causes is bounded, because user code can build a cycle of exceptions.
    current: BaseException | None = error
    for _ in range(16):
        if current is None:
            return
        yield current
        current = current.__cause__ or current.__context__


def _first_line(error: BaseException) -> str:
    text = error.message if isinstance(error, KafkaMLError) else text_of(error)
    return text.strip().split("\n", 1)[0][:2000]


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # User code may have closed or replaced the stream.
        with contextlib.suppress(Exception):
            stream.flush()

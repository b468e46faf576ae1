"""Run the user's two fields in one fresh module, and tell their errors apart from everyone else's.

Called by the frameworks' handlers, inside the model process only: this is the one place where user code is executed.
"""

from __future__ import annotations

import builtins
import linecache
import re
import sys
import traceback
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafkaml.errors import KafkaMLError, UserCodeError
from mlcode_executor.frameworks.hints import hint_for

__all__ = ["CODE_FILE", "IMPORTS_FILE", "MODULE_NAME", "execute", "user_code"]

IMPORTS_FILE = "<imports>"
CODE_FILE = "<code>"
_SOURCES = {IMPORTS_FILE: "imports", CODE_FILE: "code"}

# Registered in sys.modules, because dataclasses, typing and serialisers look classes up by their module.
MODULE_NAME = "model_code"

# A message may quote a whole tensor; what is shown to a person stays readable.
_MAX_MESSAGE = 4000

_FRAME_IN_MESSAGE = re.compile(r'File "(<imports>|<code>)", line (\d+)')
_ANY_FRAME = re.compile(r'^\s*File ".*", line \d+.*$')
_MARKER = re.compile(r"^[\s~^]+$")


def execute(code: str, imports: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """Run ``imports`` and then ``code`` in one new module that holds ``names``; returns its namespace.

    Raises UserCodeError, with the line, for whatever goes wrong in it.
    """
    module = types.ModuleType(MODULE_NAME)
    namespace = module.__dict__
    namespace.update(names)
    namespace["__builtins__"] = builtins
    sys.modules[MODULE_NAME] = module
    for filename, text in ((IMPORTS_FILE, imports), (CODE_FILE, code)):
        # Makes the lines visible to tracebacks, inspect.getsource and TensorFlow's autograph.
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        with user_code():
            program = compile(text, filename, "exec", dont_inherit=True)
            exec(program, namespace)  # noqa: S102  the purpose of the isolated process
    return namespace


@contextmanager
def user_code() -> Iterator[None]:
    """Turn whatever the block raises into a UserCodeError; errors of Kafka-ML itself pass unchanged."""
    try:
        yield
    except KafkaMLError:
        raise
    except (Exception, SystemExit) as error:
        raise _describe(error) from error


def _describe(error: BaseException) -> UserCodeError:
    if isinstance(error, SyntaxError) and error.filename in _SOURCES:
        return _describe_syntax_error(error)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in _SOURCES and frame.name]
    message = _message(error)
    line, filename = None, CODE_FILE
    if frames:
        line, filename = frames[-1].lineno, frames[-1].filename
    elif mentioned := _FRAME_IN_MESSAGE.findall(str(error)):
        # Raised while TensorFlow ran a graph: the frames of the user's code are in the text only.
        filename, line = mentioned[-1][0], int(mentioned[-1][1])
    return UserCodeError(
        message,
        traceback_text=_traceback(frames, message),
        line=line,
        source=_SOURCES[filename],
        hint=hint_for(message),
    )


def _describe_syntax_error(error: SyntaxError) -> UserCodeError:
    filename = str(error.filename)
    shown = "".join(traceback.format_exception_only(error)).rstrip()
    return UserCodeError(
        f"{type(error).__name__}: {error.msg}",
        traceback_text=shown,
        line=error.lineno,
        source=_SOURCES[filename],
        kind="syntax",
        hint=hint_for(error.msg),
    )


def _traceback(frames: list[traceback.FrameSummary], message: str) -> str:
    if not frames:
        return message
    return "Traceback (most recent call last):\n" + "".join(traceback.format_list(frames)) + message


def _message(error: BaseException) -> str:
    """Return ``Type: text`` without the frames that frameworks write into their messages."""
    # TensorFlow's own errors carry a whole stack in str(), and the reason alone in .message.
    text = str(getattr(error, "message", None) or error).strip()
    if 'File "' in text:
        text = _without_frames(text)
    if isinstance(error, SystemExit):
        text = f"the code ended the program with exit status {text or 0}"
    message = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + "..."


def _without_frames(text: str) -> str:
    kept: list[str] = []
    skip_source_line = False
    for line in text.splitlines():
        if _ANY_FRAME.match(line):
            skip_source_line = True
        elif skip_source_line and line.strip():
            # The one line of source under a frame; markers such as ^^^^ may follow it.
            skip_source_line = False
        elif not _MARKER.match(line) and line.strip() != "in user code:":
            kept.append(line.strip())
    return "\n".join(kept).strip()

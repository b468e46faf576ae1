"""Run the user's two fields in one fresh module, and distinguish their errors from all others.

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
from mlcode_executor.frameworks.drawing import Nothing, stand_in_for_drawing
from mlcode_executor.frameworks.hints import hint_for, syntax_hint
from mlcode_executor.frameworks.notebook import as_program
from mlcode_executor.said import class_of, text_of

__all__ = [
    "CODE_FILE",
    "IMPORTS_FILE",
    "MODULE_NAME",
    "execute",
    "is_of",
    "maker_of_model",
    "runnable",
    "say",
    "user_code",
]

IMPORTS_FILE = "<imports>"
CODE_FILE = "<code>"
# The fields by file name; those of sub-models are added, with the sub-model's name.
_SOURCES = {IMPORTS_FILE: "imports", CODE_FILE: "code"}
_SUB_MODELS: dict[str, str] = {}

# The user's module is registered in sys.modules under this name, because dataclasses, typing and serialisers look
# classes up by their module.
MODULE_NAME = "model_code"

# A message may quote a whole tensor, so it is cut to a readable length.
_MAX_MESSAGE = 4000

_FRAME_IN_MESSAGE = re.compile(r'File "(<(?:imports|code)(?: of \w+)?>)", line (\d+)')
_ANY_FRAME = re.compile(r'^\s*File ".*", line \d+.*$')
# Headings that TensorFlow writes above the frames in a message.
_HEADING = re.compile(
    r"(in user code|Graph execution error|Detected at node \S+ defined at \(most recent call last\)):$"
)
_MARKER = re.compile(r"^[\s~^]+$")


def execute(code: str, imports: str, names: Mapping[str, Any], *, of: str = "") -> dict[str, Any]:
    """Run ``imports`` and then ``code`` in one new module that holds ``names``; returns its namespace.

    Where several codes run in one process, ``of`` names the owner of this one in errors, also in those of a later step.
    Commands of a notebook are skipped, with a line in the output. Raises UserCodeError, with the line, for whatever
    goes wrong.
    """
    module = types.ModuleType(MODULE_NAME)
    namespace = module.__dict__
    namespace.update(names)
    namespace["__builtins__"] = builtins
    if "get_ipython" in code + imports:
        namespace["get_ipython"] = Nothing()
    sys.modules[MODULE_NAME] = module
    # A user's program may read its command line and must not see ours.
    sys.argv = ["model.py"]
    stand_in_for_drawing(_SOURCES)
    for plain, text in ((IMPORTS_FILE, imports), (CODE_FILE, code)):
        filename = plain
        if of:
            filename = f"{plain[:-1]} of {of}>"
            _SOURCES[filename], _SUB_MODELS[filename] = _SOURCES[plain], of
        runs, notes = as_program(text, name=_SOURCES[filename])
        for note in notes:
            say(note)
        # ``linecache`` shows the lines to tracebacks, inspect.getsource and TensorFlow's autograph.
        linecache.cache[filename] = (len(runs), None, runs.splitlines(keepends=True), filename)
        with user_code():
            _run(runs, filename, namespace)
    return namespace


def maker_of_model(namespace: Mapping[str, Any]) -> str:
    """Return a hint where only a function of the user makes the model; empty without one."""
    makers = [
        name
        for name, value in namespace.items()
        if isinstance(value, types.FunctionType)
        and value.__module__ == MODULE_NAME
        and ("model" in value.__code__.co_varnames or "model" in name.lower())
    ]
    return f"write model = {makers[-1]}() at the end, and let {makers[-1]} return the model" if makers else ""


def is_of(model: object, package: str) -> bool:
    """Whether the class of ``model``, or one that it inherits from, is of ``package``; a user's class is of the user's
    module.
    """
    return any(f"{base.__module__}.".startswith(f"{package}.") for base in type(model).__mro__)


def say(note: str) -> None:
    """Print a line of ours into the output of the user's code."""
    sys.stdout.write(f"[Kafka-ML] {note}\n")


def runnable(text: str) -> str:
    """Return a field in the form that ``execute`` runs."""
    return as_program(text)[0]


def _run(text: str, filename: str, namespace: dict[str, Any]) -> None:
    program = compile(text, filename, "exec", dont_inherit=True)
    try:
        exec(program, namespace)  # noqa: S102  the purpose of the isolated process
    except SystemExit as end:
        # A program may end with ``sys.exit()`` after everything is done. Before that it is an error like any other.
        if end.code not in (None, 0) or "model" not in namespace:
            raise


@contextmanager
def user_code() -> Iterator[None]:
    """Turn every exception of the block into a UserCodeError; errors of Kafka-ML itself pass unchanged."""
    try:
        yield
    except KafkaMLError:
        raise
    except BaseException as error:
        raise _describe(error) from error


def _describe(error: BaseException) -> UserCodeError:
    if isinstance(error, SyntaxError) and (described := _describe_syntax_error(error)):
        return described
    frames = [frame for frame in _frames(error) if frame.name]
    message = _message(error)
    line, filename = None, CODE_FILE
    if frames:
        line, filename = frames[-1].lineno, frames[-1].filename
    elif mentioned := _FRAME_IN_MESSAGE.findall(text_of(error)):
        # An error raised while TensorFlow ran a graph has the frames of the user's code in its text only.
        filename, line = mentioned[-1][0], int(mentioned[-1][1])
    return UserCodeError(
        _of_whom(filename) + message,
        traceback_text=_traceback(frames, message),
        line=line,
        source=_SOURCES[filename],
        hint=hint_for(message, (frames[-1].line or "") if frames else ""),
    )


def _frames(error: BaseException) -> traceback.StackSummary:
    """Return the frames of the user's code, from the outermost. Other files are ignored, because their name may not be
    a path.
    """
    own = (frame for frame in traceback.walk_tb(error.__traceback__) if frame[0].f_code.co_filename in _SOURCES)
    return traceback.StackSummary.extract(own)


def _describe_syntax_error(error: SyntaxError) -> UserCodeError | None:
    """Describe the compiler's error about the code; None where it concerns other code, or does not come from the
    compiler.
    """
    filename, message, line, text = error.filename, error.msg, error.lineno, error.text
    if not (type(filename) is type(message) is str and type(line) is int and isinstance(text, str | None)):
        return None
    if filename not in _SOURCES:
        return None
    return UserCodeError(
        f"{_of_whom(filename)}{class_of(error)}: {message}",
        traceback_text="".join(traceback.format_exception_only(error)).rstrip(),
        line=line,
        source=_SOURCES[filename],
        kind="syntax",
        hint=syntax_hint(f"{class_of(error)}: {message}", text or ""),
    )


def _of_whom(filename: str) -> str:
    return f"sub-model {_SUB_MODELS[filename]!r}: " if filename in _SUB_MODELS else ""


def _traceback(frames: list[traceback.FrameSummary], message: str) -> str:
    if not frames:
        return message
    return "Traceback (most recent call last):\n" + "".join(traceback.format_list(frames)) + message


def _message(error: BaseException) -> str:
    """Return ``Type: text`` without the frames that frameworks write into their messages."""
    text = text_of(error, _reason)
    if 'File "' in text:
        text = _without_frames(text)
    if isinstance(error, SystemExit):
        text = f"the code ended the program with exit status {text_of(error, _status)}"
    message = f"{class_of(error)}: {text}" if text else class_of(error)
    return message if len(message) <= _MAX_MESSAGE else message[:_MAX_MESSAGE] + "..."


def _status(error: BaseException) -> object:
    return getattr(error, "code", None) or 0


def _reason(error: BaseException) -> object:
    # TensorFlow's own errors carry a whole stack in str(), and the reason alone in .message.
    return getattr(error, "message", None) or error


def _without_frames(text: str) -> str:
    kept: list[str] = []
    below_frame = False
    for line in text.splitlines():
        if _ANY_FRAME.match(line):
            below_frame = True
            continue
        # One line of source follows each frame, which TensorFlow leaves empty. Markers such as ^^^^ may follow that
        # line.
        source, below_frame = below_frame and (not line.strip() or line[0].isspace()), False
        stripped = line.strip()
        if source or (stripped and _MARKER.match(line)) or _HEADING.match(stripped):
            continue
        if stripped or (kept and kept[-1]):
            kept.append(stripped)
    return "\n".join(kept).strip()

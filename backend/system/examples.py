"""Runs of examples that users start by a click: permission, the last run, start and end.

Only a platform that has the examples' programs offers any (``KML_EXAMPLES``, which ``kafka-ml up`` sets). They run as
``kafka-ml examples run`` does, with a token of the user that has at most an editor's rights and ends with the run.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import orjson
from pydantic import Field

from backend.accounts.models import AccessToken, Role, User
from backend.accounts.services import create_token, delete_token
from backend.api.actors import Actor
from backend.api.errors import Conflict, NotFound
from backend.config.environment import environment
from backend.system import example_keeper
from backend.system.example_keeper import BUSY, RECORD, STARTED, Order, Record, output_path
from kafkaml.errors import BrokenError
from kafkaml.text import storable
from kafkaml.wire.example import OfferedExample
from kafkaml.wire.message import Message

__all__ = ["ExampleRun", "Examples", "examples", "start_example", "stop_example"]

# The longest example takes six minutes on two idle cores.
MAX_SECONDS = 30 * 60.0
_START_SECONDS = 30
# The command line is started by its module's name, because the backend may not import it.
_COMMAND = (sys.executable, "-P", "-m", "kafka_ml_cli.main", "examples", "run")
# What of the server's environment examples are to have; the platform's mark lets `kafka-ml down` find them.
_PASSED = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", "KML_PLATFORM", "SSL_CERT_FILE")
_PASSED_STARTS = ("LC_", "KML_KAFKA_", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class ExampleRun(Message):
    """The last run of an example. ``output`` is the beginning of its output. ``ended_at`` is null before its end."""

    name: str
    by: str = Field(description="The user who started it.")
    state: Literal["running", "finished", "stopped", "failed"] = Field(
        description="How far the run is.\n\n* `running` - It runs.\n* `finished` - It ended successfully.\n"
        "* `stopped` - A user stopped it.\n* `failed` - It failed, for the `reason`."
    )
    started_at: datetime
    ended_at: datetime | None
    reason: str = Field(description="Why it failed, empty if it did not.")
    output: str
    output_cut: bool = Field(description="Whether it printed more than is kept.")


class Examples(Message):
    """The examples that can be run here. A platform without the examples' programs, as in a cluster, has none. ``run``
    is the last run, null if there was none.
    """

    available: list[OfferedExample]
    run: ExampleRun | None


def examples() -> Examples:
    """Return which examples this platform runs, and the last run."""
    record = _record()
    return Examples(available=list(environment().examples), run=None if record is None else _shown(record))


def start_example(name: str, *, actor: Actor, user: User, role: Role) -> None:
    """Start an example as ``user``; NotFound where there is none of this name, Conflict while another runs."""
    names = [example.name for example in environment().examples]
    if name not in names:
        raise NotFound(
            f"this platform runs no example {name[:80]!r}: expected one of {', '.join(names) or '(none)'}",
            hint="" if names else "run one elsewhere against this platform: KML_URL=... kafka-ml examples run digits",
        )
    folder = _folder()
    folder.mkdir(exist_ok=True, mode=0o700)
    lower = min(role, Role.EDITOR, key=lambda candidate: candidate.rank)
    days = (MAX_SECONDS + 300) / 86400
    token, text = create_token(actor=actor, user=user, name=f"example {name}", role=lower, days=days)
    try:
        said = _keep(name, folder, user.username, token, text)
    except BaseException:
        delete_token(token, actor=actor)
        raise
    if said != STARTED:
        delete_token(token, actor=actor)
        running = _record()
        what = f"example {running.name} of {running.by}" if running else "another example"
        raise Conflict(f"{what} runs: expected one at a time", hint="wait for its end, or stop it")


def stop_example() -> None:
    """End the run; Conflict where none runs. What it has made stays."""
    record = _record()
    if record is None or record.ended_at is not None or not record.keeper.is_alive:
        raise Conflict("no example runs", hint="")
    with suppress(ProcessLookupError):
        os.kill(record.keeper.pid, signal.SIGTERM)


def _keep(name: str, folder: Path, by: str, token: AccessToken, text: str) -> str:
    url = environment().backend_url
    passed = {key: value for key, value in os.environ.items() if key in _PASSED or key.startswith(_PASSED_STARTS)}
    own = {"KML_URL": url, "KML_TOKEN": text, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    order = Order(
        name=name,
        by=by,
        command=[*_COMMAND, name],
        env={**passed, **own},
        seconds=MAX_SECONDS,
        folder=str(folder),
        token_url=f"{url}/api/tokens/{token.pk}/",
        token=text,
    )
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", example_keeper.__name__],
        env=passed,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    # The keeper continues alone, but its end must still be reaped.
    threading.Thread(target=keeper.wait, daemon=True).start()
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    with keeper.stdout, keeper.stdin:
        keeper.stdin.write(orjson.dumps(asdict(order)))
        keeper.stdin.close()
        readable, _, _ = select.select([keeper.stdout], [], [], _START_SECONDS)
        answer = keeper.stdout.readline().decode().strip() if readable else ""
    if answer not in (STARTED, BUSY):
        keeper.kill()
        raise BrokenError(
            f"example {name} did not start within {_START_SECONDS} s", hint="see the log of the web server"
        )
    return answer


def _folder() -> Path:
    return environment().state_dir / "run"


def _record() -> Record | None:
    try:
        return Record.from_json((_folder() / RECORD).read_bytes())
    except (FileNotFoundError, KeyError, TypeError):
        # There was no run yet, or another version of Kafka-ML wrote its record.
        return None


def _shown(record: Record) -> ExampleRun:
    state: Literal["running", "finished", "stopped", "failed"]
    reason = ""
    if record.ended_at is None and record.keeper.is_alive:
        state = "running"
    elif record.ended_by == "stop":
        state = "stopped"
    elif record.exit_code == 0:
        state = "finished"
    else:
        state = "failed"
        reason = f"it ended with status {record.exit_code}: its last lines say why"
        if record.ended_by == "time":
            reason = f"it took longer than {MAX_SECONDS / 60:.0f} minutes"
        elif record.ended_at is None:
            reason = "it was ended with the platform"
    try:
        output = output_path(_folder()).read_bytes()
    except FileNotFoundError:
        output = b""
    return ExampleRun(
        name=record.name,
        by=record.by,
        state=state,
        started_at=datetime.fromtimestamp(record.started_at, UTC),
        ended_at=None if record.ended_at is None else datetime.fromtimestamp(record.ended_at, UTC),
        reason=reason,
        output=storable(output.decode(errors="replace")),
        output_cut=len(output) >= example_keeper.MAX_OUTPUT_BYTES,
    )

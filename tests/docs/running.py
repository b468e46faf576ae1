"""Runs the command blocks of a page as its reader types them: in order, in a folder of their own, on a new platform."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.documentation.markdown import Block, Mark, blocks
from scripts.documentation.pages import ROOT

__all__ = ["Reader", "commands_of"]

# Programs that send training data do not get the broker's address from the platform, so it is added.
_SENDER = re.compile(r"^(python examples/\S+training_example\.py)", re.M)
_SECONDS = 900


def commands_of(block: Block) -> str:
    """Return the typed lines: of a console those after the prompt, with continuations, otherwise the whole block."""
    if block.language != "console":
        return block.text
    typed: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            typed.append(line[2:])
        elif typed and typed[-1].endswith("\\"):
            typed.append(line)
    return "\n".join(typed)


class Reader:
    """A user who follows pages: types commands in ``folder``, with the environment ``env``.

    ``bootstrap_servers`` are those of the running platform; empty when the page starts one.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], *, bootstrap_servers: str = "") -> None:
        self.folder = folder
        self._bootstrap_servers = bootstrap_servers
        kafka = {"KML_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers} if bootstrap_servers else {}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._env = {**env, **kafka, "PATH": path, "PYTHONPATH": str(ROOT)}
        # All output so far.
        self.printed = ""

    def follow(self, page: str, session: str = "") -> int:
        """Write the files of a page and run its blocks of a session; returns how many ran.

        AssertionError holds the output of a block that failed.
        """
        ran = 0
        for block in _marked(page):
            if block.mark == Mark("run", session):
                self.run(commands_of(block), f"{page}:{block.line}")
                ran += 1
            elif block.mark is not None and block.mark.kind == "file" and not session:
                (self.folder / block.mark.what).write_text(block.text, encoding="utf-8")
        return ran

    def run(self, commands: str, where: str) -> None:
        """Type commands; AssertionError holds all their output when one of them fails."""
        done = subprocess.run(
            self._shell(commands),
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self.printed += done.stdout
        assert done.returncode == 0, f"{where} ended with {done.returncode}:\n{done.stdout}"

    @contextmanager
    def following(self, page: str, session: str) -> Iterator[None]:
        """Type the only block of a session, whose commands run until the context ends.

        AssertionError holds their output when they end earlier; other errors have it as a note.
        """
        (block,) = (marked for marked in _marked(page) if marked.mark == Mark("run", session))
        output = self.folder / "printed"
        with output.open("wb") as printed:
            going = subprocess.Popen(
                self._shell(commands_of(block)),
                cwd=self.folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
            assert going.poll() is None, f"{page}:{block.line} ended with {going.returncode}"
        except BaseException as error:
            error.add_note(output.read_text(encoding="utf-8"))
            raise
        finally:
            os.killpg(going.pid, signal.SIGTERM)
            going.wait(60)

    def _shell(self, commands: str) -> list[str]:
        servers = f" --bootstrap-servers {self._bootstrap_servers}" if self._bootstrap_servers else ""
        return ["bash", "-c", "set -euxo pipefail\n" + _SENDER.sub(lambda found: found[1] + servers, commands)]


def _marked(page: str) -> Iterator[Block]:
    return (block for block in blocks((ROOT / page).read_text(encoding="utf-8")) if block.mark is not None)

"""PostgreSQL: a temporary database server, on a socket in a temporary folder.

``python -m tests.postgresql COMMAND...`` runs a command with its address in ``KML_TEST_DATABASE_URL``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

__all__ = ["PostgreSQL"]


def _programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise AssertionError("PostgreSQL's initdb is needed: apt-get install postgresql")
    return found[-1].parent if found else Path(on_path or "").parent


class PostgreSQL:
    """A running server with an empty database ``kafka_ml``. A context manager that ends and removes it."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="kml-pg-"))
        self.url = f"postgres://kafka_ml@{quote(str(self._folder), safe='')}/kafka_ml"

    def __enter__(self) -> Self:
        try:
            self._prepare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._control("stop", "--mode", "immediate", check=False)
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the server; returns when it takes connections."""
        options = f"-c listen_addresses= -c unix_socket_directories={self._folder} -c fsync=off"
        self._control("start", "--wait", "--log", str(self._folder / "log"), "--options", options)

    def stop(self) -> None:
        """End the server, with all connections to it."""
        self._control("stop", "--mode", "fast")

    def _prepare(self) -> None:
        self._folder.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "--username", "kafka_ml", "--auth", "trust", "--no-sync", "--pgdata", self._data)
        self.start()
        self._run("createdb", "--host", str(self._folder), "--username", "kafka_ml", "kafka_ml")

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _control(self, *arguments: str, check: bool = True) -> None:
        self._run("pg_ctl", *arguments, "--pgdata", self._data, check=check)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        # PostgreSQL refuses to run as root.
        other_user = ("runuser", "-u", "postgres", "--") if os.getuid() == 0 else ()
        command = [*other_user, str(self._programs / program), *arguments]
        with tempfile.TemporaryFile() as output:
            # A server that is started keeps the output open, so it is a file and no pipe.
            done = subprocess.run(command, stdout=output, stderr=output, cwd=self._folder, check=False)
            output.seek(0)
            assert not check or done.returncode == 0, output.read().decode(errors="replace")


if __name__ == "__main__":
    with PostgreSQL() as temporary:
        command_env = {**os.environ, "KML_TEST_DATABASE_URL": temporary.url}
        sys.exit(subprocess.run(sys.argv[1:], env=command_env, check=False).returncode)

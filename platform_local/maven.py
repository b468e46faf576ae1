"""MavenFiles: files that Maven fetches once into the user's cache, checked by hash before every use.

``sha256`` lists every file; nothing else is returned, so a file that someone dropped into the cache is never run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kafkaml.errors import BrokenError

__all__ = ["MavenFiles"]

# Maven fetches some 100 MB; a machine that needs longer than this has no working registry.
_TIMEOUT_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class MavenFiles:
    """The files that ``goal`` copies with ``pom``. ``what`` describes them in errors; ``hint`` is advice for users
    without Maven.
    """

    what: str
    folder_name: str
    pom: Path
    sha256: Path
    hint: str
    goal: str = "dependency:copy-dependencies"

    @property
    def folder(self) -> Path:
        """The folder that holds them: ``$XDG_CACHE_HOME/kafka-ml/<name>``."""
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return Path(cache) / "kafka-ml" / self.folder_name

    @property
    def are_cached(self) -> bool:
        """Whether every file is there, without reading them."""
        return all((self.folder / name).is_file() for name in self._expected())

    @property
    def key(self) -> str:
        """A text that differs for other files, and for the same files in another folder."""
        return f"{self.folder}\n{self.sha256.read_text(encoding='ascii')}"

    def ensure(self) -> list[Path]:
        """Return the files, in the order of the list, after checking their hashes; fetches them when they are missing.

        Raises BrokenError when Maven is missing or fails, or when a file is not the one that we committed to.
        """
        folder = self.folder
        if not self.are_cached:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _lock(folder.with_name(folder.name + ".lock")):
                if not self.are_cached:
                    self._fetch()
        for name, expected in self._expected().items():
            with (folder / name).open("rb") as file:
                got = hashlib.file_digest(file, "sha256").hexdigest()
            if got != expected:
                raise BrokenError(
                    f"{folder / name} has SHA-256 {got}, expected {expected}",
                    hint=f"remove the folder {folder} and start again; Maven downloads it again",
                )
        return [folder / name for name in self._expected()]

    def _expected(self) -> dict[str, str]:
        lines = self.sha256.read_text(encoding="ascii").splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}

    def _fetch(self) -> None:
        maven = shutil.which("mvn")
        if maven is None:
            raise BrokenError(f"mvn is not on PATH: Maven fetches {self.what}", hint=self.hint)
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix=".fetching-") as work:
            shutil.copy(self.pom, Path(work) / "pom.xml")
            target = Path(work) / "files"
            command = [maven, "-q", "-B", self.goal, f"-DoutputDirectory={target}"]
            try:
                subprocess.run(
                    command,
                    cwd=work,
                    check=True,
                    timeout=_TIMEOUT_SECONDS,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
            except subprocess.CalledProcessError as error:
                raise BrokenError(f"Maven could not fetch {self.what}: {error.stdout[-2000:]}") from error
            except subprocess.TimeoutExpired as error:
                raise BrokenError(f"Maven did not fetch {self.what} in {_TIMEOUT_SECONDS} s") from error
            self.folder.mkdir(exist_ok=True)
            for file in target.iterdir():
                # Each rename is atomic, so a half-written file is never seen under its name.
                file.replace(self.folder / file.name)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

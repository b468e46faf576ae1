"""The embedded broker's jars: fetched once by Maven into the person's cache, checked by hash before every use.

Used by ``platform_local.broker``. ``jars.sha256`` beside this module lists every file; nothing else is put on the
class path, so a file that someone dropped into the cache is never run.
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
from pathlib import Path

from kafkaml.errors import BrokenError

__all__ = ["KAFKA_VERSION", "ensure_jars", "jars_are_cached", "jars_dir", "jars_key"]

KAFKA_VERSION = "4.3.1"

_HERE = Path(__file__).parent
# Maven fetches 44 MB; a machine that needs longer than this has no working registry.
_MAVEN_TIMEOUT_SECONDS = 600


def jars_dir() -> Path:
    """Return the folder that holds the jars: ``$XDG_CACHE_HOME/kafka-ml/kafka-<version>``."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "kafka-ml" / f"kafka-{KAFKA_VERSION}"


def jars_are_cached() -> bool:
    """Tell whether every jar is there, without reading them."""
    folder = jars_dir()
    return all((folder / name).is_file() for name in _expected())


def ensure_jars() -> list[Path]:
    """Return the jars, in class path order, after checking their hashes; fetches them by Maven when they are missing.

    Raises BrokenError when Maven is missing or fails, or when a jar is not the one that we committed to.
    """
    folder = jars_dir()
    if not jars_are_cached():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _lock(folder.with_name(folder.name + ".lock")):
            if not jars_are_cached():
                _fetch(folder)
    for name, expected in _expected().items():
        got = hashlib.file_digest((folder / name).open("rb"), "sha256").hexdigest()
        if got != expected:
            raise BrokenError(
                f"{folder / name} has SHA-256 {got}, expected {expected}",
                hint=f"remove the folder {folder} and start again; it is fetched anew by Maven",
            )
    return [folder / name for name in _expected()]


def jars_key() -> str:
    """Return a text that is another one for other jars, or for the same jars in another folder."""
    return f"{jars_dir()}\n{(_HERE / 'jars.sha256').read_text(encoding='ascii')}"


def _expected() -> dict[str, str]:
    lines = (_HERE / "jars.sha256").read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokenError(
            "mvn is not on PATH: Maven fetches the embedded broker's jars",
            hint="install Maven (Debian: apt-get install maven), or use a broker of yours: --bootstrap-servers",
        )
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as work:
        shutil.copy(_HERE / "pom.xml", Path(work) / "pom.xml")
        target = Path(work) / "jars"
        command = [maven, "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        try:
            subprocess.run(
                command,
                cwd=work,
                check=True,
                timeout=_MAVEN_TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except subprocess.CalledProcessError as error:
            raise BrokenError(f"Maven could not fetch the broker's jars: {error.stdout[-2000:]}") from error
        except subprocess.TimeoutExpired as error:
            raise BrokenError(f"Maven did not fetch the broker's jars in {_MAVEN_TIMEOUT_SECONDS} s") from error
        folder.mkdir(exist_ok=True)
        for jar in target.glob("*.jar"):
            # Each rename is atomic, so a half-written jar is never seen under its name.
            jar.replace(folder / jar.name)

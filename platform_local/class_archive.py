"""The embedded broker's classes as Java loads them, kept in one file, so that a start need not load and verify them
again.

Application class data sharing (JEP 350, ``-XX:ArchiveClassesAtExit``): the broker answers after half the processor
time. The archive is made once per Java and set of jars by a broker that only starts and ends. Java checks whether an
archive fits it and the jars, and ignores one that does not. The archive belongs to the user, like the virtual
environment.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from kafkaml.errors import BrokenError
from platform_local.jars import BROKER_JARS, KAFKA_VERSION

__all__ = ["archive_options", "archive_path", "make_archive"]

# Time limit for the broker's end, which takes some seconds longer when it writes the archive.
_MAKE_SECONDS = 180.0


def archive_path(java: str) -> Path:
    """Return where the archive for this ``java`` and our jars is, or would be."""
    binary = Path(java).resolve()
    state = binary.stat()
    key = f"{binary}\n{state.st_mtime_ns}\n{state.st_size}\n{BROKER_JARS.key}"
    return BROKER_JARS.folder / f"classes-{hashlib.sha256(key.encode()).hexdigest()[:16]}.jsa"


def archive_options(java: str) -> list[str]:
    """Return Java's options that use the archive; none while there is no archive."""
    path = archive_path(java)
    return [f"-XX:SharedArchiveFile={path}", "-Xshare:auto"] if path.is_file() else []


def make_archive() -> Path:
    """Make the archive where it is missing, and return its path. Raises BrokenError when the broker does not start."""
    # The broker uses the archive, so it cannot be imported above.
    from platform_local.broker import EmbeddedBroker, find_java

    path = archive_path(find_java())
    if not path.is_file():
        sys.stderr.write("==> Preparing Kafka for quick starts (once)\n")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".archiving-") as work:
            made = Path(work) / path.name
            with EmbeddedBroker(Path(work) / "broker", java_options=[f"-XX:ArchiveClassesAtExit={made}"]) as broker:
                broker.stop(timeout_seconds=_MAKE_SECONDS)
            if not made.is_file():
                raise BrokenError(f"Java wrote no archive of Kafka's classes to {made}: brokers start without it")
            made.replace(path)
    return path


def main() -> None:
    """Fetch the jars and make the archive when they are missing, as ``scripts/install`` does."""
    try:
        # It is enough here that the jars exist, because their hashes are checked at each start of a broker.
        if not BROKER_JARS.are_cached:
            sys.stderr.write(f"==> Fetching Apache Kafka {KAFKA_VERSION} by Maven (44 MB, once)\n")
            BROKER_JARS.ensure()
        make_archive()
    except BrokenError as error:
        sys.exit(f"{error.message}\n{error.hint}")


if __name__ == "__main__":
    main()

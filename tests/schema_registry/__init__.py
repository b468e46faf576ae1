"""A real Schema Registry (Apicurio, its Confluent-compatible API), kept in memory: one process for a test module."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from platform_local.broker import find_java
from platform_local.maven import MavenFiles
from platform_local.ports import free_port
from tests.support import eventually

__all__ = ["running_schema_registry"]

_FILES = MavenFiles(
    what="the Schema Registry of the tests",
    folder_name="apicurio-registry-2.6.13",
    pom=Path(__file__).with_name("pom.xml"),
    sha256=Path(__file__).with_name("files.sha256"),
    hint="install Maven (Debian: apt-get install maven)",
    goal="dependency:copy",
)
_START_SECONDS = 240


@contextmanager
def running_schema_registry() -> Iterator[str]:
    """Return the address of a registry without schemas."""
    (archive,) = _FILES.ensure()
    port = free_port()
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    with tempfile.TemporaryDirectory(prefix="schema-registry-") as name, (Path(name) / "log").open("wb") as log:
        with tarfile.open(archive) as files:
            files.extractall(name, filter="data")
        (jar,) = Path(name).glob("*-runner.jar")
        # The JVM compiles little: it starts in half the processor time, and never lives long enough to profit from
        # more.
        options = ["-Xmx300m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        options += ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}"]
        process = subprocess.Popen([find_java(), *options, "-jar", jar], cwd=name, stdout=log, stderr=log)
        try:
            eventually(lambda: _answers(process, url, Path(log.name)), timeout_seconds=_START_SECONDS)
            yield url
        finally:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes], url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")[-3000:]
    try:
        return httpx.get(f"{url}/subjects", timeout=10).is_success
    except httpx.HTTPError:
        return False

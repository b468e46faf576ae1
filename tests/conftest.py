"""Fixtures that all tests share. The broker is a real Kafka, never a stand-in."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from mlcode_executor.runtimes import Runtime
from platform_local.broker import EmbeddedBroker
from tests.fork_servers import running_fork_server
from tests.platform import Platform
from tests.soak_record import SoakRecord
from tests.support import soaking

# Hypothesis' own profile for shared machines: examples have no time limit, may be generated slowly, and are the same in
# each run. Its other profile gives an example 200 ms of the wall clock.
hypothesis.settings.load_profile("ci")


class TestBroker(EmbeddedBroker):
    """An embedded broker that also creates topics of unique names."""

    __test__ = False
    _counter = itertools.count()

    def __init__(self, data_dir: Path, *, also_port: int = 0) -> None:
        # The JVM compiles little: it starts in half the processor time, and never lives long enough to profit from
        # more.
        super().__init__(data_dir, java_options=["-XX:TieredStopAtLevel=1"], also_port=also_port)

    def start(self, *, timeout_seconds: float = 180) -> None:
        """Start the broker with a time limit for a busy machine."""
        super().start(timeout_seconds=timeout_seconds)

    def pause(self) -> None:
        """Freeze the broker, which then keeps its connections and answers nothing."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    def topic(self, partitions: int = 1, *, name: str = "test", **config: object) -> str:
        """Create a topic and return its name, unique within this broker; ``config`` keys use ``_`` for ``.``."""
        from confluent_kafka.admin import AdminClient, NewTopic

        topic = f"{name}-{uuid.uuid4().hex[:8]}-{next(self._counter)}"
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        futures = admin.create_topics([NewTopic(topic, partitions, 1, config=settings)])
        futures[topic].result(timeout=90)
        return topic

    def delete_records(self, topic: str, *, before: int) -> None:
        """Delete the records of the first partition before an offset, as retention does."""
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import AdminClient

        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        for future in admin.delete_records([TopicPartition(topic, 0, before)]).values():
            future.result(90)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    """A running broker, shared by the tests of this process (under xdist each worker has its own)."""
    with TestBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="session")
def fork_server_of() -> Iterator[Callable[[Runtime], str]]:
    """Returns the socket of a runtime's warm fork server. The first test of this process that asks starts it."""
    servers: dict[Runtime, str] = {}
    with ExitStack() as stack:

        def get(runtime: Runtime) -> str:
            if runtime not in servers:
                servers[runtime] = stack.enter_context(running_fork_server(runtime, "auto")).socket
            return servers[runtime]

        yield get


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder like ``tmp_path`` with a short name, because the system limits the paths of sockets."""
    with tempfile.TemporaryDirectory(prefix="kml-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[TestBroker]:
    """A stopped broker for a single test, such as one that kills it."""
    broker = TestBroker(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> Iterator[SoakRecord]:
    """What the test tells about its row of faults; kept when the test ends, if this is a soak."""
    record, failed_before = SoakRecord(), request.session.testsfailed
    yield record
    if soaking():
        record.write(held=request.session.testsfailed == failed_before)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A whole running platform, started as users start it. Files of its tests are in ``_PLATFORM_TESTS``."""
    with Platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


# Files whose tests share the fixture `platform`.
_PLATFORM_TESTS = (
    "tests/browser/",
    "tests/integration/test_old_clients.py",
    "tests/integration/test_platform_datasets.py",
    "tests/integration/test_platform_examples.py",
    "tests/integration/test_platform_kills.py",
    "tests/integration/test_platform_tutorial.py",
    "tests/integration/test_platform_uploads.py",
    "tests/integration/test_platform_workers.py",
)
# Tests in this folder start a framework although they have no marker. Others do when they ask for a fork server.
_MODEL_PROCESS_TESTS = "tests/mlcode_executor/"


def shares_platform(node: str) -> bool:
    """Whether the file in a test's node id uses the fixture ``platform``."""
    return node.startswith(_PLATFORM_TESTS)


class _FileByFile(LoadScopeScheduling):
    """Keeps a file's tests on one worker, so that shared fixtures start once.

    All tests that share a platform or a cluster stay on one worker, too. xdist's own groups do not work with pytest
    9.2, which no longer finds them.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith("tests/cluster/"):
            return "cluster"
        return "platform" if shares_platform(path) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _FileByFile(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take longest first, so that no worker is left alone with one at the end.

    Files with marked kinds come first, then those that start model processes, then the rest, which take seconds. Tests
    that record a row of faults belong to ``make soak``.
    """
    ranks: dict[Path, int] = {}
    for item in items:
        if "soak" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.soak)
        names = {marker.name for marker in item.iter_markers()}
        kinds = ("faults", "hostile", "integration")
        fixtures = getattr(item, "fixturenames", ())
        starts_framework = item.nodeid.startswith(_MODEL_PROCESS_TESTS) or "fork_server_of" in fixtures
        others = len(kinds) + (1 if starts_framework else 2)
        rank = next((rank for rank, kind in enumerate(kinds, 1) if kind in names), others)
        rank = 0 if shares_platform(item.nodeid) else rank
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: (ranks[item.path], item.path))

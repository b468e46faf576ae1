"""Fixtures that tests of all rooms share. The broker is a real Kafka, never a stand-in."""

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

# Hypothesis' own profile for machines that others share: an example has no time limit and cannot be generated too
# slowly, and each run tries the same ones. Its other profile gives an example 200 ms of the wall clock.
hypothesis.settings.load_profile("ci")


class TestBroker(EmbeddedBroker):
    """An embedded broker that also creates topics of unique names."""

    __test__ = False
    _counter = itertools.count()

    def __init__(self, data_dir: Path) -> None:
        # Compiled for a start in half the processor time, not for a long life.
        super().__init__(data_dir, java_options=["-XX:TieredStopAtLevel=1"])

    def start(self, *, timeout_seconds: float = 180) -> None:
        """As ever, but with time enough for a busy machine."""
        super().start(timeout_seconds=timeout_seconds)

    def pause(self) -> None:
        """Freeze the broker, which then keeps its connections and answers nothing."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    def topic(self, partitions: int = 1, *, name: str = "test", **config: object) -> str:
        """Create a topic and return its name, unique within this broker; ``config`` keys use ``_`` for ``.``.

        Records stay, also those whose times are of 1970: retention would delete them half a minute after the start.
        """
        from confluent_kafka.admin import AdminClient, NewTopic

        topic = f"{name}-{uuid.uuid4().hex[:8]}-{next(self._counter)}"
        settings = {"retention.ms": "-1"} | {key.replace("_", "."): str(value) for key, value in config.items()}
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
    """Returns the socket of a runtime's warm fork server, started when a test of this process first asks for it."""
    servers: dict[Runtime, str] = {}
    with ExitStack() as stack:

        def get(runtime: Runtime) -> str:
            if runtime not in servers:
                servers[runtime] = stack.enter_context(running_fork_server(runtime, "auto")).socket
            return servers[runtime]

        yield get


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder like ``tmp_path`` with a short name, for sockets, whose paths the system limits."""
    with tempfile.TemporaryDirectory(prefix="kml-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[TestBroker]:
    """A broker of this test alone, not started yet: for tests that kill it."""
    broker = TestBroker(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A whole running platform, started as people start it. Files of its tests are in ``_PLATFORM_TESTS``."""
    with Platform(tmp_path_factory.mktemp("platform")) as running:
        yield running


# Tests that share the fixture `platform`.
_PLATFORM_TESTS = (
    "tests/browser/",
    "tests/integration/test_old_clients.py",
    "tests/integration/test_platform_datasets.py",
    "tests/integration/test_platform_examples.py",
    "tests/integration/test_platform_kills.py",
    "tests/integration/test_platform_tutorial.py",
    "tests/integration/test_platform_workers.py",
)
# Unmarked, but each test starts a framework; elsewhere those do that ask for a fork server.
_MODEL_PROCESS_TESTS = "tests/mlcode_executor/"


def shares_platform(node: str) -> bool:
    """Whether the tests of a file, named as pytest names them, use the fixture ``platform``."""
    return node.startswith(_PLATFORM_TESTS)


class _FileByFile(LoadScopeScheduling):
    """A file's tests stay on one worker, so that what they share is started once; all that share a platform or a
    cluster as well.

    Not xdist's own groups: with pytest 9.2 it does not find them any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith("tests/cluster/"):
            return "cluster"
        return "platform" if shares_platform(path) else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _FileByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take longest first, so that no worker is left alone with one at the end.

    These are files of the marked kinds, then those that start model processes, then the rest, of seconds each.
    """
    ranks: dict[Path, int] = {}
    for item in items:
        names = {marker.name for marker in item.iter_markers()}
        kinds = ("faults", "hostile", "integration")
        fixtures = getattr(item, "fixturenames", ())
        starts_framework = item.nodeid.startswith(_MODEL_PROCESS_TESTS) or "fork_server_of" in fixtures
        others = len(kinds) + (1 if starts_framework else 2)
        rank = next((rank for rank, kind in enumerate(kinds, 1) if kind in names), others)
        rank = 0 if shares_platform(item.nodeid) else rank
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: (ranks[item.path], item.path))

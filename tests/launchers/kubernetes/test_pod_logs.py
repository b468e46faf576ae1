"""The collector keeps every line once, whichever process is killed and however often a container restarts."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from backend.launchers.kubernetes.api import ApiRefused, NotThere, Unreachable
from backend.launchers.kubernetes.objects import replica_of
from backend.launchers.kubernetes.pod_logs import PodLogs
from backend.launchers.replica_log import LogWriter, read_log
from kafkaml.errors import BrokenError
from tests.support import eventually

WORK = "kml-infer-1-a1"


def pod(*, number: int = 0, state: str = "running", uid: str = "u", index: str = "0", last: bool = False) -> dict:
    """Return a pod whose container runs for the ``number``-th time; ``last``: the run before is still known."""
    identity = f"containerd://{number}"
    states: dict[str, Any] = {
        "running": {"running": {}},
        "ended": {"terminated": {"containerID": identity, "exitCode": 1}},
        "waiting": {"waiting": {"reason": "CrashLoopBackOff"}},
        "new": {"waiting": {"reason": "ContainerCreating"}},
    }
    before = identity if state == "waiting" else f"containerd://{number - 1}"
    worker: dict[str, Any] = {
        "name": "worker",
        "restartCount": number,
        "containerID": identity,
        "state": states[state],
        "lastState": {"terminated": {"containerID": before}} if last or state == "waiting" else {},
    }
    labels = {"kafka-ml/work": WORK, "apps.kubernetes.io/pod-index": index}
    metadata = {"name": f"{WORK}-{index}", "uid": uid, "resourceVersion": "1", "labels": labels}
    return {"metadata": metadata, "status": {"phase": "Running", "containerStatuses": [worker]}}


class Node:
    """The logs of one pod's runs on a node. It answers as the API does, by whole seconds and in pieces of any size."""

    def __init__(self) -> None:
        self.runs: list[list[tuple[str, str]]] = [[]]
        self.error: BrokenError | None = None
        self.break_after_bytes: int | None = None
        self.piece_bytes = 7
        self.asked: list[tuple[str | None, bool]] = []

    def pod_log(self, name: str, *, since: str | None = None, previous: bool = False, **_: object) -> Iterator[bytes]:
        self.asked.append((since, previous))
        if self.error is not None:
            raise self.error
        lines = self.runs[-2 if previous else -1]
        content = "".join(
            f"{moment} {text}" for moment, text in lines if since is None or moment[:19] >= since[:19]
        ).encode()
        for start in range(0, len(content), self.piece_bytes):
            if self.break_after_bytes is not None and start >= self.break_after_bytes:
                raise Unreachable("broke off")
            yield content[start : start + self.piece_bytes]


class World:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.node = Node()
        self.collector()

    def collector(self) -> None:
        """Return a collector as after a restart of the controller."""
        self.logs = PodLogs(api=self.node, logs_dir=self.path, clock=lambda: self.now)  # type: ignore[arg-type]

    def look(self, *pods: dict) -> str:
        self.now += 10
        self.logs.show(pods)
        self.logs.step()
        return self.text()

    def text(self, replica: int = 0) -> str:
        return read_log(self.path / WORK, replica, 0, 1 << 20)[0].decode()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def at(second: int, fraction: str = "000000000") -> str:
    return f"2026-11-21T20:00:{second:02d}.{fraction}Z"


def test_lines_are_stored_without_their_timestamps_once_each(world: World) -> None:
    world.node.runs = [[(at(1), "a\n"), (at(1, "5"), "b\n")]]
    assert world.look(pod()) == "a\nb\n"
    assert world.look(pod()) == "a\nb\n"
    world.node.runs[0] += [(at(1, "6"), "c\n"), (at(2), "d\n")]
    assert world.look(pod()) == "a\nb\nc\nd\n"
    # Only the newest second is requested again.
    assert [since for since, _ in world.node.asked] == [None, "2026-11-21T20:00:01Z", "2026-11-21T20:00:01Z"]


def test_a_new_collector_goes_on_where_the_last_one_was(world: World) -> None:
    world.node.runs = [[(at(1), "a\n"), (at(1, "5"), "b\n")]]
    world.look(pod())
    world.collector()
    world.node.runs[0].append((at(1, "6"), "c\n"))
    assert world.look(pod()) == "a\nb\nc\n"


def test_what_was_written_after_the_last_position_is_fetched_again(world: World) -> None:
    world.node.runs = [[(at(1), "a\n"), (at(2), "b\n")]]
    world.look(pod())
    # The collector was killed after it wrote the log and before it wrote the position.
    writer = LogWriter(world.path / WORK, 0)
    writer.write(b"half of somethi")
    writer.close()
    world.collector()
    world.node.runs[0].append((at(2, "1"), "half of something\n"))
    assert world.look(pod()) == "a\nb\nhalf of something\n"


def test_times_in_a_node_s_own_zone_are_kept(world: World) -> None:
    world.node.runs = [[("2026-11-21T21:00:01.5+01:00", "a\n")]]
    world.look(pod())
    world.look(pod())
    assert world.node.asked[1] == ("2026-11-21T21:00:01+01:00", False)
    assert world.text() == "a\n"


def test_a_line_without_its_end_waits_for_it_or_for_the_container_s_end(world: World) -> None:
    world.node.runs = [[(at(1), "a\n"), (at(2), "half")]]
    assert world.look(pod()) == "a\n"
    assert not world.logs.is_drained(WORK, 0)
    assert world.look(pod(state="ended")) == "a\nhalf\n"
    assert world.logs.is_drained(WORK, 0)


def test_each_run_of_a_container_is_collected_once(world: World) -> None:
    world.node.runs = [[(at(1), "first\n")]]
    world.look(pod())
    world.node.runs[0].append((at(1, "5"), "crash\n"))
    assert world.look(pod(state="waiting")) == "first\ncrash\n"
    assert world.look(pod(state="waiting")) == "first\ncrash\n"
    world.node.runs.append([(at(1, "9"), "second\n")])
    assert world.look(pod(number=1, last=True)) == "first\ncrash\nsecond\n"
    assert world.look(pod(number=1, state="ended", last=True)) == "first\ncrash\nsecond\n"
    assert world.logs.is_drained(WORK, 0)


def test_the_end_of_the_run_before_is_fetched_when_the_next_one_is_there_already(world: World) -> None:
    world.node.runs = [[(at(1), "first\n")]]
    world.look(pod())
    world.node.runs = [[(at(1), "first\n"), (at(3), "crash\n")], [(at(4), "second\n")]]
    assert world.look(pod(number=1, last=True)) == "first\ncrash\nsecond\n"


def test_runs_that_nobody_saw_are_reported(world: World) -> None:
    world.node.runs = [[(at(1), "first\n")]]
    world.look(pod())
    world.node.runs = [[(at(8), "third\n")], [(at(9), "fourth\n")]]
    text = world.look(pod(number=3, last=True))
    assert text == "first\n[the log of 1 earlier runs of this replica was not read in time]\nthird\nfourth\n"


def test_another_run_s_log_is_not_taken_for_the_one_that_was_begun(world: World) -> None:
    world.node.runs = [[(at(1), "a\n"), (at(1, "5"), "b\n")]]
    world.look(pod())
    # The container has restarted, which the pod's state does not show yet.
    world.node.runs = [[(at(2), "c\n"), (at(2, "1"), "d\n"), (at(2, "2"), "e\n")]]
    assert world.look(pod()) == "a\nb\nc\nd\ne\n"


def test_a_replaced_pod_writes_on_in_the_log_of_its_replica(world: World) -> None:
    world.node.runs = [[(at(1), "old\n")]]
    world.look(pod(uid="old"))
    world.node.runs = [[(at(1), "new\n")]]
    assert world.look(pod(uid="new")) == "old\nnew\n"


def test_a_broken_stream_is_read_again_from_where_it_broke(world: World) -> None:
    world.node.runs = [[(at(second), f"line {second}\n") for second in range(20)]]
    world.node.break_after_bytes = 333
    begun = world.look(pod())
    assert 0 < begun.count("\n") < 20
    world.node.break_after_bytes = None
    assert world.look(pod()) == "".join(f"line {second}\n" for second in range(20))


def test_a_log_that_cannot_be_read_says_why_once(world: World) -> None:
    world.node.error = ApiRefused("pods/log is forbidden", hint="correct the role")
    for _ in range(9):
        text = world.look(pod())
    assert text == f"[the log of pod {WORK}-0 cannot be read now: pods/log is forbidden; correct the role]\n"
    world.node.error = None
    world.node.runs = [[(at(1), "a\n")]]
    assert world.look(pod()).endswith("\na\n")


def test_a_log_that_went_with_its_pod_says_so(world: World) -> None:
    world.node.runs = [[(at(1), "a\n")]]
    world.look(pod())
    world.node.error = NotThere('pods "x" not found')
    assert world.look(pod()) == 'a\n[the rest of this log is lost: pods "x" not found]\n'
    assert world.logs.is_drained(WORK, 0)


def test_the_log_of_a_pod_that_was_asked_to_end_is_not_called_incomplete(world: World) -> None:
    world.node.runs = [[(at(1), "a\n")]]
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-21T20:00:01Z"
    world.look(leaving)
    assert world.look() == "a\n"


def test_pods_without_a_run_and_of_others_are_left_alone(world: World) -> None:
    other = pod()
    other["metadata"]["labels"]["kafka-ml/work"] = "../../etc"
    assert world.look(pod(state="new"), other) == ""
    assert world.node.asked == []
    assert world.logs.is_drained(WORK, 0)


def test_the_replica_is_the_pod_s_number_in_its_set() -> None:
    assert replica_of(pod(index="3")) == 3
    older = pod(index="3")
    del older["metadata"]["labels"]["apps.kubernetes.io/pod-index"]
    older["metadata"]["ownerReferences"] = [{"kind": "StatefulSet"}]
    assert replica_of(older) == 3
    older["metadata"]["ownerReferences"] = [{"kind": "Job"}]
    assert replica_of(older) == 0


@pytest.mark.parametrize("seed", range(40))
def test_whatever_breaks_each_line_is_stored_once_in_order(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    world = World(tmp_path)
    moments = (f"2026-11-21T20:{n // 600:02d}:{n // 10 % 60:02d}.{n % 10}Z" for n in itertools.count())
    expected = ""
    for number in range(60):
        for _ in range(random.randint(0, 5)):
            text = f"{number} {random.random()}\n"
            world.node.runs[0].append((next(moments), text))
            expected += text
        world.node.piece_bytes = random.randint(1, 200)
        world.node.break_after_bytes = random.choice([None, random.randint(0, 400)])
        if random.random() < 0.2:
            world.collector()
        if random.random() < 0.5:
            world.look(pod())
    world.node.break_after_bytes = None
    world.look(pod())
    text = world.look(pod(state="ended"))
    assert "".join(line for line in text.splitlines(keepends=True) if not line.startswith("[")) == expected


class Following:
    """Pods that write on request, while a collector follows their logs."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.open = 0
        self.most_open = 0
        self.over = threading.Event()
        self._lock = threading.Lock()

    def pod_log(self, name: str, *, since: str | None, follow: bool, quiet_seconds: float, **_: object) -> Any:
        with self._lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            sent = 0
            while not self.over.is_set():
                lines = self.lines.get(name, [])
                for line in lines[sent:]:
                    yield f"{at(1)} {line}".encode()
                sent = len(lines)
                if not follow or quiet_seconds < 10:
                    return
                self.over.wait(0.005)
        finally:
            with self._lock:
                self.open -= 1


@pytest.mark.parametrize("threads", [2, 8])
def test_a_bounded_number_of_threads_serves_all_pods(tmp_path: Path, threads: int) -> None:
    api = Following()
    logs = PodLogs(api=api, logs_dir=tmp_path, max_threads=threads)  # type: ignore[arg-type]
    logs.start()
    pods = [pod(index=str(index), uid=str(index)) for index in range(6)]
    for listed in pods:
        api.lines[listed["metadata"]["name"]] = [f"{listed['metadata']['name']}\n"]

    def all_read() -> bool:
        logs.show(pods)
        return all(read_log(tmp_path / WORK, index, 0, 1000)[0] == f"{WORK}-{index}\n".encode() for index in range(6))

    try:
        eventually(all_read)
        assert api.most_open <= threads
    finally:
        api.over.set()
        logs.close()
    no_more: Callable[[], bool] = lambda: api.open == 0  # noqa: E731
    eventually(no_more)

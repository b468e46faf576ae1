"""The seminar: its programs on a real broker as its pages use them, its notebooks, and the page of its first part."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from platform_local.ports import free_port
from tests.conftest import TestBroker
from tests.support import eventually

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ROOT / "examples" / "seminar"
NOTEBOOKS = sorted((PROGRAMS / "notebooks").glob("*.ipynb"))


def run(broker: TestBroker, program: str, *arguments: str, crashes: bool = False) -> list[str]:
    """Return the lines that a program prints."""
    done = subprocess.run(
        [sys.executable, str(PROGRAMS / program), *arguments, "--bootstrap-servers", broker.bootstrap_servers],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == int(crashes), done.stdout + done.stderr
    return done.stdout.splitlines()


def offsets(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.match(r" *\d+: partition 0, offset +(\d+):", line))]


@pytest.fixture(scope="module")
def readings(broker: TestBroker) -> str:
    """A topic of one partition with fifty readings, as episode 2.5 makes it."""
    topic = "crash"
    assert "created with 1 partitions" in run(broker, "create_topic.py", topic, "--partitions", "1")[0]
    assert "is there already" in run(broker, "create_topic.py", topic, "--partitions", "1")[0]
    run(broker, "producer.py", topic, "--count", "50", "--quiet")
    return topic


@pytest.mark.integration
def test_a_key_has_one_partition(broker: TestBroker) -> None:
    topic = broker.topic(3, name="iot")
    lines = run(broker, "producer.py", topic, "--count", "30", "--sensors", "6")
    places = re.findall(r"partition (\d), offset +\d+, key (sensor-\d)", "\n".join(lines))
    assert len(places) == 30
    assert len(set(places)) == 6
    by_partition = {int(partition): int(count) for partition, count in re.findall(r"(\d): (\d+)", lines[-1])}
    assert sum(by_partition.values()) == 30


@pytest.mark.integration
def test_a_successor_reads_again_what_was_not_committed(broker: TestBroker, readings: str) -> None:
    died = run(broker, "consumer.py", readings, "--group", "fragile", "--crash-after", "25", crashes=True)
    assert offsets(died) == list(range(25))
    successor = run(broker, "consumer.py", readings, "--group", "fragile", "--idle", "1")
    assert offsets(successor) == list(range(20, 50))
    assert offsets(run(broker, "consumer.py", readings, "--group", "fragile", "--idle", "1")) == []


@pytest.mark.integration
def test_a_crash_in_a_transaction_repeats_nothing(broker: TestBroker, readings: str) -> None:
    def counted(*options: str) -> tuple[int, int]:
        found = re.match(r"(\d+) records of (\d+) readings", run(broker, "count.py", "alarms", *options)[-1])
        assert found is not None
        return int(found[1]), int(found[2])

    run(broker, "create_topic.py", "alarms", "--partitions", "1")
    # With this threshold each reading is an alarm, so that the third transaction has some.
    alarms = ("alarms.py", readings, "alarms", "--above", "-100", "--idle", "1")
    run(broker, *alarms, "--crash-after", "3", crashes=True)
    assert counted() == (20, 20)
    assert counted("--uncommitted") == (30, 30)
    run(broker, *alarms)
    assert counted() == (50, 50)
    assert counted("--uncommitted") == (60, 50)


def test_notebooks_run_from_the_first_cell_to_the_last() -> None:
    programs = []
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = [
            "".join(cell["source"])
            for cell in cells
            # Plots are left out, because they need JupyterLab's environment; make docs-test runs them.
            if cell["cell_type"] == "code" and "plot" not in cell["metadata"].get("tags", ())
        ]
        assert all(not cell.get("outputs") for cell in cells), f"{path.name} is committed without what it printed"
        few = re.sub(r"(?m)^(COUNT, )?EPOCHS = (6000, )?\d+$", r"\1EPOCHS = \g<2>2", "\n".join(code))
        few = few.replace("EPOCHS = 6000, 2", "EPOCHS = 300, 2")
        assert few != "\n".join(code)
        programs.append(f"exec(compile({few!r}, {path.name!r}, 'exec'), {{}})")
    assert len(programs) == 3
    # One process runs all notebooks, because the frameworks take long to start.
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(programs)],
        cwd=PROGRAMS / "notebooks",
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "parameters by layer: [1280, 65792, 32896, 8256, 65]" in done.stdout
    assert "most often:" in done.stdout


# --- part 1 -----------------------------------------------------------------------------------------------------------


def _redis(listener: socket.socket) -> None:
    """Answers INCR as Redis does."""
    count = 0
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            assert connection.recv(100) == b"INCR hits\r\n"
            count += 1
            connection.sendall(b":%d\r\n" % count)


def _get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def redis_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_redis, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def page(redis_port: int) -> Iterator[Mapping[str, str]]:
    """Yield the addresses of the page with its database, and of one whose database is unavailable."""
    ports = {"with": free_port(), "without": free_port()}
    redis = {"with": redis_port, "without": free_port()}
    programs = [
        subprocess.Popen(
            [sys.executable, str(PROGRAMS / "hits" / "app.py")],
            env={
                **os.environ,
                "PORT": str(port),
                "REDIS_HOST": "127.0.0.1",
                "REDIS_PORT": str(redis[name]),
                "NAME": "Malaga",
            },
            stderr=subprocess.DEVNULL,
        )
        for name, port in ports.items()
    ]
    yield {name: f"http://127.0.0.1:{port}/" for name, port in ports.items()}
    for program in programs:
        program.kill()
        program.wait(30)


def test_the_page_counts_in_its_database_and_lives_without(page: Mapping[str, str]) -> None:
    def is_up(address: str) -> bool:
        try:
            return _get(f"{address}healthz") == (200, "ok\n")
        except OSError:
            return False

    for address in page.values():
        eventually(lambda: is_up(address), 60, what=f"the page at {address}")  # noqa: B023  called at once
    assert "Hello Malaga! Version 1 on" in _get(page["with"])[1]
    assert _get(page["with"])[1].endswith("visit 2\n")
    status, text = _get(page["without"])
    assert status == 503
    assert "The counter is unavailable" in text

"""Metrics: their names, those of a process, and how one process answers for all that share a state folder."""

from __future__ import annotations

import re
import socket
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from kafkaml.prometheus import (
    Distribution,
    MetricsServer,
    ProcessMetrics,
    definitions,
    exposition,
    neighbours,
    together,
)
from kafkaml.prometheus.definitions import CounterOf, GaugeOf, HistogramOf, every_definition
from kafkaml.settings import MetricsSettings

# Base units (https://prometheus.io/docs/practices/naming/#base-units) and names of counted things.
_UNITS = ("seconds", "bytes", "ratio", "celsius", "records")
_OTHER_UNITS = ("milliseconds", "ms", "minutes", "percent", "megabytes", "kilobytes")


@pytest.mark.parametrize("definition", every_definition(), ids=lambda known: known.name)
def test_names_follow_the_conventions(definition: definitions.Definition) -> None:
    words = definition.name.split("_")
    assert re.fullmatch(r"kafkaml_[a-z_]+[a-z]", definition.name)
    assert (words[-1] == "total") == isinstance(definition, CounterOf)
    assert not set(words) & set(_OTHER_UNITS)
    assert words[-1] not in ("count", "sum", "bucket", "info")
    if isinstance(definition, HistogramOf):
        assert words[-1] in _UNITS
        assert list(definition.buckets) == sorted(set(definition.buckets))
    assert definition.meaning.endswith(".")
    # Labels that the platform or Prometheus adds.
    assert (
        not set(definition.labels) & {"process", "instance", "job", "le", "quantile"}
        or definition.labels[-1] == "quantile"
    )


def test_no_two_metrics_have_a_name() -> None:
    names = [definition.name for definition in every_definition()]
    assert len(names) == len(set(names)) > 30


def test_a_distribution_counts_up_to_its_bounds() -> None:
    seconds = Distribution((0.1, 1.0))
    seconds.observe([0.1, 0.5])
    seconds.observe([7.0], stands_for=10)
    assert seconds.cumulative() == ([("0.1", 1.0), ("1.0", 2.0), ("+Inf", 12.0)], pytest.approx(70.6))


def _parsed(text: bytes) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text.decode())}


def test_each_sample_names_its_process() -> None:
    lag = GaugeOf("kafkaml_test_lag_records", "Lag.", ("inference",)).made()
    lag.labels("3").set(7)
    families = _parsed(ProcessMetrics("controller", [lag]).text())
    samples = [sample for family in families.values() for sample in family.samples]
    assert {sample.labels["process"] for sample in samples} == {"controller"}
    assert ("kafkaml_test_lag_records", {"inference": "3", "process": "controller"}, 7) in [
        (sample.name, sample.labels, sample.value) for sample in samples
    ]
    assert families["process_resident_memory_bytes"].samples[0].value > 1 << 20
    assert "process_open_fds" in families


class _Broken:
    def collect(self) -> Sequence[Metric]:
        raise OSError("the database is unavailable")


def test_a_collector_that_fails_leaves_the_others() -> None:
    good = CounterOf("kafkaml_test_done_total", "Done.").made()
    good.inc()
    assert "kafkaml_test_done" in _parsed(ProcessMetrics("web", [_Broken(), good]).text())


def test_texts_of_several_processes_become_one_in_which_a_metric_stands_together() -> None:
    texts = []
    for process in ("web", "controller"):
        seconds = HistogramOf("kafkaml_test_seconds", 'With "quotes",\nand\\ a line.', ("kind",), (1.0,)).made()
        seconds.labels("a").observe(0.5)
        texts.append(ProcessMetrics(process, [seconds]).text())
    text = together(texts)
    assert text.count(b"# TYPE kafkaml_test_seconds histogram") == 1
    counted = [sample for sample in _parsed(text)["kafkaml_test_seconds"].samples if sample.name.endswith("_count")]
    assert [(sample.labels["process"], sample.value) for sample in counted] == [("web", 1), ("controller", 1)]


_NEIGHBOUR = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from kafkaml.prometheus import MetricsServer, ProcessMetrics
    from kafkaml.prometheus.definitions import GaugeOf

    answer = GaugeOf("kafkaml_test_answer", "An answer.").made()
    answer.set(42)
    with MetricsServer(ProcessMetrics("neighbour", [answer]), state_dir=Path(sys.argv[1])):
        print("open", flush=True)
        sys.stdin.read()
    """
)


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder deeper than the path of a socket may be long."""
    folder = tmp_path_factory.mktemp("state") / ("deep" * 25)
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def neighbour(state_dir: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _NEIGHBOUR, str(state_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def test_one_process_answers_for_all_next_to_it(state_dir: Path, neighbour: subprocess.Popen[str]) -> None:
    with MetricsServer(ProcessMetrics("web", []), state_dir=state_dir) as server:
        samples = _parsed(server.everything())["process_open_fds"].samples
        assert [sample.labels["process"] for sample in samples] == ["web", "neighbour"]
        folder = state_dir / "run" / "metrics"
        sockets = list(folder.iterdir())
        assert len(sockets) == 2
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in sockets} == {0o600}
    assert len(list(folder.iterdir())) == 1


def test_a_socket_that_a_dead_process_left_is_removed(state_dir: Path, neighbour: subprocess.Popen[str]) -> None:
    folder = state_dir / "run" / "metrics"
    left = folder / "kml-infer-1-a1-0.123.sock"
    short = state_dir.parent / "s"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(short))
    short.rename(left)
    assert [b"kafkaml_test_answer" in text for text in neighbours(state_dir)] == [True]
    assert not left.exists()


def test_a_process_that_hangs_is_left_out(
    state_dir: Path, neighbour: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposition, "_NEIGHBOUR_SECONDS", 0.2)
    short = state_dir.parent / "h"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(str(short))
        hung.listen()
        path = short.rename(state_dir / "run" / "metrics" / "hung.1.sock")
        assert not exposition._text_of(path)
        # The socket remains, so the process may answer the next time.
        assert path.exists()
        monkeypatch.setattr(exposition, "_NEIGHBOUR_SECONDS", 60.0)
        hung.close()
    path.unlink()
    assert len(list(neighbours(state_dir))) == 1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_at_an_address_everything_is_reported_and_nothing_else(
    state_dir: Path, neighbour: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looking up a host's name could block in pods of executors, which may not query DNS.
    monkeypatch.delattr(socket, "getfqdn")
    settings = MetricsSettings(address=f"127.0.0.1:{_free_port()}")
    with (
        MetricsServer(ProcessMetrics("controller", []), state_dir=state_dir, settings=settings),
        httpx.Client(base_url=f"http://{settings.address}", trust_env=False) as client,
    ):
        answer = client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert _parsed(answer.content)["kafkaml_test_answer"].samples[0].value == 42
        assert b'process="controller"' in answer.content
        assert client.get("/").status_code == 404
        assert client.post("/metrics").status_code == 501


def test_processes_of_a_pod_share_the_port_and_whichever_is_asked_answers_for_all(state_dir: Path) -> None:
    settings = MetricsSettings(address=f"127.0.0.1:{_free_port()}")

    def processes() -> set[str]:
        text = httpx.get(f"http://{settings.address}/metrics", trust_env=False).content
        return {sample.labels["process"] for sample in _parsed(text)["process_open_fds"].samples} & {
            "web",
            "controller",
        }

    with MetricsServer(ProcessMetrics("web", []), state_dir=state_dir, settings=settings):
        with MetricsServer(ProcessMetrics("controller", []), state_dir=state_dir, settings=settings):
            # The kernel chooses one of the two by the client's port.
            assert [processes() for _ in range(8)] == [{"web", "controller"}] * 8
        assert [processes() for _ in range(3)] == [{"web"}] * 3


def test_a_process_works_on_where_nothing_can_be_reported(tmp_path: Path) -> None:
    blocked = tmp_path / "run"
    blocked.write_text("a file")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = MetricsSettings(address=f"127.0.0.1:{taken.getsockname()[1]}")
        with MetricsServer(ProcessMetrics("web", []), state_dir=tmp_path, settings=settings) as server:
            assert b"process_open_fds" in server.everything()


@pytest.mark.parametrize("address", ["9464", "localhost", "0.0.0.0:99999", "user@host:1", "host:1/metrics", ":9464"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(ValidationError, match=r"expected host:port, e\.g\. 127\.0\.0\.1:9464"):
        MetricsSettings(address=address)
    assert (MetricsSettings(address="[::1]:9464").host, MetricsSettings(address="[::]:9464").port) == ("::1", 9464)

"""The processes of a cluster on this machine: none is left behind, and one that fails to start says why."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from kafkaml.errors import BrokenError
from scripts.cluster.certificates import Authority
from scripts.cluster.programs import Programs
from tests.support import eventually, is_over

_STARTER = """
import sys, time
from pathlib import Path
from scripts.cluster.programs import Programs
programs = Programs(Path(sys.argv[1]), lasting=sys.argv[2] == "lasting")
programs.start("sleeper", ["sleep", "600"])
print(programs.process("sleeper").pid, flush=True)
time.sleep(600)
"""


def started_by_another(folder: Path, kind: str) -> psutil.Process:
    """Return a process whose parent was killed right after starting it."""
    starter = subprocess.Popen([sys.executable, "-c", _STARTER, str(folder), kind], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    process = psutil.Process(int(starter.stdout.readline()))
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    return process


def test_programs_end_when_their_starter_is_killed(tmp_path: Path) -> None:
    process = started_by_another(tmp_path, "with us")
    eventually(lambda: is_over(process))


def test_lasting_programs_are_found_and_ended_by_the_next(tmp_path: Path) -> None:
    process = started_by_another(tmp_path, "lasting")
    next_one = Programs(tmp_path, lasting=True)
    found = next_one.process("sleeper")
    assert found is not None
    assert found.pid == process.pid
    next_one.end()
    assert is_over(process)
    assert next_one.names() == []


def test_a_program_that_ends_while_it_is_awaited_says_why(tmp_path: Path) -> None:
    programs = Programs(tmp_path, lasting=False)
    programs.start("refuses", ["sh", "-c", "echo address already in use; exit 1"])
    with pytest.raises(BrokenError, match="refuses ended while the server was awaited:\naddress already in use"):
        programs.await_("the server", lambda: False, needs=["refuses"], timeout_seconds=20)


def test_a_program_runs_once(tmp_path: Path) -> None:
    programs = Programs(tmp_path, lasting=False)
    programs.start("sleeper", ["sleep", "600"])
    first = programs.process("sleeper")
    programs.start("sleeper", ["sleep", "600"])
    assert programs.process("sleeper") == first
    programs.kill("sleeper")
    assert programs.process("sleeper") is None


def test_certificates_are_good_for_the_addresses_that_they_name_and_kept(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("server", subject="/CN=server", addresses=["DNS:kubernetes", "IP:127.0.0.1"])
    verify = ["openssl", "verify", "-x509_strict", "-CAfile", str(authority.certificate)]
    good = [*verify, "-verify_ip", "127.0.0.1", str(issued.certificate)]
    other = [*verify, "-verify_ip", "127.0.0.2", str(issued.certificate)]
    assert subprocess.run(good, check=False, capture_output=True).returncode == 0
    assert subprocess.run(other, check=False, capture_output=True).returncode != 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(issued.certificate, issued.key)
    before = issued.certificate.read_bytes()
    assert Authority(tmp_path).issue("server", subject="/CN=server").certificate.read_bytes() == before

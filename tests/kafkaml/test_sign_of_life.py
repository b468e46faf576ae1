from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from kafkaml import sign_of_life
from kafkaml.sign_of_life import SignOfLife


def test_what_a_service_does_is_written_once_in_five_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(sign_of_life.time, "monotonic", lambda: clock[0])
    life = SignOfLife(tmp_path / "run" / "x.json")
    seen = []
    for seconds, what in ((100.0, "reading"), (104.9, "too soon"), (105.0, "waiting")):
        clock[0] = seconds
        life(what)
        seen.append(orjson.loads((tmp_path / "run" / "x.json").read_bytes())["doing"])
    assert seen == ["reading", "reading", "waiting"]
    assert orjson.loads((tmp_path / "run" / "x.json").read_bytes())["pid"] == os.getpid()


def test_a_full_disk_stops_no_service(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    SignOfLife(tmp_path / "run" / "x.json")("reading")
    assert (tmp_path / "run").read_text() == "not a folder"

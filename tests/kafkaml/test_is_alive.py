"""The probe of services that listen on no port."""

from __future__ import annotations

from pathlib import Path

import pytest

from kafkaml.is_alive import main, problem
from kafkaml.sign_of_life import SignOfLife


def test_a_fresh_sign_means_alive(tmp_path: Path) -> None:
    SignOfLife(tmp_path / "controller.json")("waits")
    assert main([str(tmp_path / "controller.json")]) == 0


def test_an_old_sign_is_reported_with_its_age(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "controller.json"
    path.write_text('{"pid": 1, "at": 1000.0, "doing": "waits"}')
    assert problem(path, now=1060.0) == ""
    assert problem(path, now=1061.0) == f"the last sign of life in {path} is 61 s old: expected 60 at most"
    assert main([str(path)]) == 1
    assert "s old: expected 60 at most" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"at": null}', '{"at": "now"}'])
def test_what_is_not_a_sign_is_reported(tmp_path: Path, content: str) -> None:
    path = tmp_path / "controller.json"
    path.write_text(content)
    assert problem(path, now=0.0).startswith(f"no sign of life can be read from {path}: ")


def test_no_file_is_not_a_sign(tmp_path: Path) -> None:
    assert "FileNotFoundError" in problem(tmp_path / "absent.json", now=0.0)


def test_exactly_one_file_is_asked_for() -> None:
    assert main([]) == 2

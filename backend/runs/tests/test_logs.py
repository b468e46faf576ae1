from __future__ import annotations

from collections.abc import Sequence

import pytest

from backend.deployments.models import TrainingResult
from backend.runs import logs


class OneLog:
    """A launcher that has one log and gives it in pieces of ``size`` bytes."""

    def __init__(self, content: bytes, size: int) -> None:
        self.content, self.size = content, size

    def logs(self, _name: str, *, replica: int, offset: int, max_bytes: int) -> tuple[bytes, int]:
        assert (replica, max_bytes > 0) == (0, True)
        piece = self.content[offset : offset + self.size]
        return piece, offset + len(piece)


def pieces(monkeypatch: pytest.MonkeyPatch, content: bytes, size: int) -> Sequence[str]:
    monkeypatch.setattr(logs, "_logs", lambda: OneLog(content, size))
    texts, offset = [], 0
    while (piece := logs.read_log(TrainingResult(pk=1, attempt=1), offset=offset))["text"]:
        assert piece["offset"] == offset
        texts.append(piece["text"])
        offset = piece["next_offset"]
    return texts


@pytest.mark.parametrize("size", [4, 5, 6, 7])
def test_characters_are_not_torn_between_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    text = "añ€🙂 grün 学习 done\n" * 3
    assert "".join(pieces(monkeypatch, text.encode(), size)) == text


def test_bytes_that_are_not_text_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "".join(pieces(monkeypatch, b"\x80\x80\x80\x80\x80ok\xff\xfe\n", 3)).endswith("ok��\n")

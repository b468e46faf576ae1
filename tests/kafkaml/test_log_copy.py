"""The copy of a log that an external worker sends in pieces."""

from __future__ import annotations

import io

from kafkaml.log_copy import LogCopy
from kafkaml.logs import LogSettings, configure_logs, get_logger, register_secret
from kafkaml.wire.worker import LogPiece


def test_what_was_reported_is_let_go_and_the_rest_is_reported_from_its_place() -> None:
    copy = LogCopy()
    assert copy.piece() is None
    copy.write("one")
    first = copy.piece()
    assert first == LogPiece(offset=0, text="one\n")
    copy.write("two")
    # The piece was not acknowledged, so it is sent again together with newer text.
    assert copy.piece() == LogPiece(offset=0, text="one\ntwo\n")
    copy.acknowledge(first)
    assert copy.piece() == LogPiece(offset=4, text="two\n")
    # The same piece is acknowledged twice.
    copy.acknowledge(first)
    assert copy.piece() == LogPiece(offset=4, text="two\n")


def test_the_oldest_is_let_go_when_nobody_hears_for_long() -> None:
    copy = LogCopy()
    for number in range(300):
        copy.write(f"{number} {'x' * 1000}")
    piece = copy.piece()
    assert piece is not None
    assert piece.offset > 0
    assert len(piece.text) <= 1 << 15
    while (next_piece := copy.piece()) is not None:
        piece = next_piece
        copy.acknowledge(piece)
    assert piece.text.endswith(f"299 {'x' * 1000}\n")


def test_every_line_comes_as_json_without_secrets() -> None:
    lines: list[str] = []
    register_secret("a-very-secret-token")
    configure_logs("worker", settings=LogSettings(format="console"), stream=io.StringIO(), copy=lines.append)
    get_logger("test").info("joined", url="http://a-very-secret-token/")
    (line,) = lines
    assert '"event":"joined"' in line
    assert "a-very-secret-token" not in line

"""Characters that stores refuse are replaced everywhere; all others stay."""

from __future__ import annotations

import orjson

from kafkaml.logs import _to_json
from kafkaml.text import storable


def test_only_what_no_store_takes_is_replaced() -> None:
    assert storable("\ud800 a\0b größe 日本 \x1b[31m") == "\ufffd a\ufffdb größe 日本 \x1b[31m"
    assert storable({"k\0": ["\udc00", {"x": 1}], "n": None}) == {"k\ufffd": ["\ufffd", {"x": 1}], "n": None}


def test_a_log_line_of_any_text_is_written() -> None:
    assert orjson.loads(_to_json({"event": "\ud800"})) == {"event": "\ufffd"}

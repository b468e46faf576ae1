"""The frontend image's web server sends the backend's headers. Its configuration is read, not run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from backend.config.asgi import _MAX_PIECE_BYTES

NGINX = Path(__file__).parents[2] / "frontend" / "nginx"


def _text(name: str) -> str:
    return re.sub(r"^\s*#.*\n", "", (NGINX / name).read_text(encoding="utf-8"), flags=re.M)


def _headers(text: str) -> dict[str, str]:
    found = re.findall(r"""add_header (\S+) ("[^"]*"|[^\s;]+)(?: always)?;""", text)
    return {name: value.strip('"') for name, value in found}


def _location(start: str) -> str:
    found = re.search(rf"location {re.escape(start)} \{{(.*?)\n        \}}", _text("nginx.conf"), re.S)
    assert found is not None
    return found[1]


def test_the_page_carries_the_headers_of_the_backends_page(client: Client) -> None:
    theirs = dict(client.get("/topics").headers)
    for name in ("X-Request-ID", "Content-Type", "Content-Length", "Vary"):
        theirs.pop(name, None)
    # Strict-Transport-Security differs: the backend sends it when users reach it only by https, nginx when the request
    # came by https.
    ours = _headers(_text("headers.conf"))
    assert ours.pop("Strict-Transport-Security") == "$transport_security"
    theirs.setdefault("Cache-Control", "no-cache")
    assert ours | _headers(_location("/")) == theirs


def test_every_location_that_adds_a_header_takes_the_common_ones_too() -> None:
    for start in ("/", "/static/"):
        assert "include headers.conf;" in _location(start)


def test_hashed_files_are_the_ones_the_backend_takes_for_hashed() -> None:
    hashed = re.search(r'"~(.+)" "max-age=315360000, public, immutable";', _text("nginx.conf"))
    assert hashed is not None
    assert hashed[1] == settings.WHITENOISE_IMMUTABLE_FILE_TEST


def test_no_body_that_the_backend_takes_is_refused() -> None:
    allowed = re.search(r"client_max_body_size (\d+)m;", _text("nginx.conf"))
    assert allowed is not None
    assert int(allowed[1]) << 20 >= _MAX_PIECE_BYTES


@pytest.mark.parametrize("start", ["/api/", "/docs", "= /metrics", "/login/"])
def test_the_backends_addresses_go_to_the_backend(start: str) -> None:
    assert "include proxy.conf;" in _location(start)


def test_one_time_links_are_not_written_down() -> None:
    text = _text("nginx.conf")
    assert "access_log off;" in text
    assert "error_log stderr emerg;" in _location("/login/")


def test_live_events_are_passed_on_at_once() -> None:
    text = _text("proxy.conf")
    assert "proxy_buffering off;" in text
    assert "proxy_read_timeout 300s;" in text


def test_the_browsers_host_and_scheme_reach_the_backend() -> None:
    sent = dict(re.findall(r"proxy_set_header (\S+) (\S+);", _text("proxy.conf")))
    assert sent == {
        "Connection": '""',
        "Host": "$http_host",
        "X-Forwarded-For": "$proxy_add_x_forwarded_for",
        "X-Forwarded-Proto": "$browser_scheme",
        "X-Forwarded-Host": "$http_host",
    }


def test_only_tmp_is_written_to() -> None:
    text = _text("nginx.conf")
    paths = re.findall(r"^\s*(?:pid|\w+_temp_path) (\S+);", text, re.M)
    assert len(paths) == 6
    assert all(path.startswith("/tmp/") for path in paths)

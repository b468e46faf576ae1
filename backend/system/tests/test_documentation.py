"""The documentation under /docs/: files as they were built, nothing from outside; how to build what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

LOCALHOST = {"host": "localhost"}


@pytest.fixture
def site(tmp_path: Path, settings: object) -> Path:
    root = tmp_path / "documentation"
    (root / "wire").mkdir(parents=True)
    (root / "assets").mkdir()
    (tmp_path / "secret").write_text("not for readers")
    settings.DOCUMENTATION_ROOT = root  # type: ignore[attr-defined]
    return root


def build(site: Path) -> None:
    (site / "index.html").write_text("<h1>Kafka-ML</h1>")
    (site / "wire" / "index.html").write_text("<h1>On the wire</h1>")
    (site / "404.html").write_text("<h1>Not there</h1>")
    (site / "assets" / "bundle.77dd0ce9.min.js").write_text("1")
    (site / "search.json").write_text("{}")


def test_pages_and_files_are_served(client: Client, site: Path) -> None:
    build(site)
    for path, kind, text in (
        ("/docs/", "text/html; charset=utf-8", b"<h1>Kafka-ML</h1>"),
        ("/docs/wire/", "text/html; charset=utf-8", b"<h1>On the wire</h1>"),
        ("/docs/search.json", "application/json", b"{}"),
    ):
        answer = client.get(path, headers=LOCALHOST)
        assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, kind, text)
        assert answer.headers["Cache-Control"] == "no-cache"
    assert "immutable" in client.get("/docs/assets/bundle.77dd0ce9.min.js", headers=LOCALHOST).headers["Cache-Control"]


def test_an_address_without_its_slash_leads_on(client: Client, site: Path) -> None:
    build(site)
    for path, to in (("/docs", "/docs/"), ("/docs/wire", "/docs/wire/")):
        answer = client.get(path, headers=LOCALHOST)
        assert (answer.status_code, answer.headers["Location"]) == (302, to)


def test_what_has_not_changed_is_not_sent_again(client: Client, site: Path) -> None:
    build(site)
    modified = client.get("/docs/", headers=LOCALHOST).headers["Last-Modified"]
    assert client.get("/docs/", headers={**LOCALHOST, "if-modified-since": modified}).status_code == 304


def test_what_is_not_there_is_404(client: Client, site: Path) -> None:
    build(site)
    answer = client.get("/docs/nothing/", headers=LOCALHOST)
    assert (answer.status_code, answer.content) == (404, b"<h1>Not there</h1>")


@pytest.mark.parametrize(
    "path", ["/docs/../secret", "/docs/wire/../../secret", "/docs/%2e%2e/secret", "/docs//etc/passwd"]
)
def test_nothing_next_to_it_is_served(client: Client, site: Path, path: str) -> None:
    build(site)
    answer = client.get(path, headers=LOCALHOST)
    assert answer.status_code == 404
    assert b"not for readers" not in answer.content


def test_where_it_is_not_built_the_page_says_how(client: Client, site: Path) -> None:
    answer = client.get("/docs/tutorial/", headers=LOCALHOST)
    assert answer.status_code == 503
    assert b"make docs" in answer.content
    build(site)
    assert client.get("/docs/", headers=LOCALHOST).status_code == 200

"""The first load stays small, long lists stay quick, and a flood of predictions freezes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
from playwright.sync_api import Page, Request

from tests.browser.chromium import Session
from tests.browser.pages import Demo
from tests.feeder import Feeder
from tests.platform import Platform
from tests.support import eventually

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

_FIRST_LOAD_BYTES = 300_000
_LIST_SECONDS = 0.2
_IDLE_SECONDS = 30
_IDLE_PER_SECOND = 0.2
# The shortest task that a user notices as a jerk.
_LONG_TASK_MS = 200
_FREEZE_MS = 1000
# Tasks shorter than this do not block the page.
_BLOCKING_MS = 50
_BLOCKED_SHARE = 0.5
_PER_SECOND = 1000
_PREDICTIONS = 5 * _PER_SECOND
_FILL = """
from backend.configurations.models import Configuration
from backend.ml_models.models import MLModel
names = [f"many-{number:04}" for number in range(1000)]
if not Configuration.objects.filter(name=names[0]).exists():
    made = Configuration.objects.bulk_create([Configuration(name=name) for name in names])
    through = Configuration.models.through
    model = MLModel.objects.first()
    through.objects.bulk_create([through(configuration_id=row.pk, mlmodel_id=model.pk) for row in made])
"""
# The trace category of the browser that has each task of a thread.
_TASKS = "disabled-by-default-devtools.timeline"


@contextmanager
def _tasks_of(page: Page) -> Iterator[list[float]]:
    """The CPU time in ms of each task of the page's main thread; filled in at the end.

    The duration of a task does not count, because other load of the machine prolongs any task.
    """
    found: list[float] = []
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=[_TASKS])
    try:
        yield found
    finally:
        events = orjson.loads(browser.stop_tracing())["traceEvents"]
    main = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    found += [
        event.get("tdur", 0) / 1000
        for event in events
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) in main
    ]
    assert found


def test_first_load_is_at_most_300_kb(session: Session) -> None:
    page = session.open("/")
    loaded: dict[str, int] = page.evaluate(
        """() => Object.fromEntries(
             [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
               .filter((resource) => !resource.name.includes('/api/'))
               .map((resource) => [resource.name, resource.encodedBodySize]))"""
    )
    assert any(name.endswith(".js") for name in loaded)
    assert sum(loaded.values()) <= _FIRST_LOAD_BYTES, loaded


def test_idle_pages_ask_for_next_to_nothing(session: Session, demo: Demo) -> None:
    paths = (
        "/",
        f"/inference/{demo.inferences[-1].id}",
        f"/topics/{demo.inferences[-1].output_topic}",
        "/topics?q=demo",
    )
    asked: dict[str, list[tuple[float, str]]] = {path: [] for path in paths}
    cut: list[str] = []
    pages = []
    for path in paths:
        page = session.context.new_page()
        session.findings.watch(page)

        def note(request: Request, path: str = path) -> None:
            if "/api/" in request.url:
                asked[path].append((time.monotonic(), request.url))

        page.on("request", note)
        page.on("requestfailed", lambda request: cut.append(f"{request.url}: {request.failure}"))
        session.go(page, path)
        pages.append(page)
    opened = time.monotonic()
    # The pages are left alone for this time, because the test measures what they do on their own.
    pages[0].wait_for_timeout(_IDLE_SECONDS * 1000)
    assert cut == []
    for path in paths:
        idle = [url for at, url in asked[path] if at > opened]
        assert len(idle) <= _IDLE_PER_SECOND * _IDLE_SECONDS, (path, idle)
        streams = [url for _, url in asked[path] if "/api/events/" in url]
        assert len(streams) == 1, (path, streams)
        times = [
            at for at, url in asked[path] for other_at, other in asked[path] if url == other and 0 < at - other_at < 1
        ]
        assert times == [], (path, [url for at, url in asked[path] if at in times])


def test_lists_of_a_thousand_rows_answer_in_200_ms(session: Session, populated: Platform) -> None:
    _fill(populated)
    page = session.open("/configurations")
    page.get_by_text("1,0", exact=False).first.wait_for()
    seconds = page.evaluate(
        """async () => {
             const all = []
             for (let i = 0; i < 15; i += 1) {
               const began = performance.now()
               await (await fetch('/api/configurations/?limit=50')).json()
               all.push((performance.now() - began) / 1000)
             }
             return all
           }"""
    )
    # Other load of the machine only adds time, so the quickest answer is the closest to the true time.
    assert min(seconds) < _LIST_SECONDS, seconds
    page.get_by_label("Search", exact=True).fill("many-0999")
    page.get_by_role("link", name="many-0999", exact=True).wait_for()


def test_a_long_list_scrolls_without_long_tasks(session: Session, populated: Platform) -> None:
    _fill(populated)
    page = session.open("/configurations")
    with _tasks_of(page) as tasks:
        page.evaluate(
            """async () => {
                 for (let y = 0; y < document.documentElement.scrollHeight; y += 60) {
                   window.scrollTo(0, y)
                   await new Promise(requestAnimationFrame)
                 }
               }"""
        )
    assert max(tasks) < _LONG_TASK_MS


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_thousand_predictions_a_second_do_not_freeze_the_page(
    session: Session, populated: Platform, demo: Demo, kind: str
) -> None:
    inference = demo.inferences[-1]
    populated.client.inferences.set_view(inference.id, {"type": kind, "average_window": 1000, "labels": []})
    page = session.open(f"/visualise/{inference.id}")
    total = page.get_by_test_id("total")
    total.wait_for()
    began: float = page.evaluate("() => performance.now()")
    with (
        _tasks_of(page) as tasks,
        Feeder(
            populated.bootstrap_servers, inference.output_topic, per_second=_PER_SECOND, value=_prediction
        ) as feeder,
    ):
        page.wait_for_function(
            """wanted => Number(document.querySelector('[data-testid=rate]').innerText.replace(/[^0-9.]/g, '')) > wanted
                 || document.querySelector('[data-testid=rate]').innerText.includes('k')""",
            arg=_PER_SECOND / 2,
        )
        # The page still reacts.
        page.get_by_role("tab", name="Set up").click()
        page.get_by_role("tab", name="Live").click()
        eventually(lambda: feeder.sent >= _PREDICTIONS, 120)
        feeder.stop()
        watched_ms: float = page.evaluate("began => performance.now() - began", began)
    # Opening the other tab is a long task as well. The flood must only leave the page its time.
    blocking = [task for task in tasks if task > _BLOCKING_MS]
    assert max(blocking, default=0) < _FREEZE_MS, blocking
    assert sum(blocking) < _BLOCKED_SHARE * watched_ms, blocking


def _prediction(number: int) -> bytes:
    scores = [0.01] * 10
    scores[number // 100 % 10] = 0.91
    return orjson.dumps({"values": scores})


def _fill(platform: Platform) -> None:
    """Make a thousand configurations in the database, because through the API it would take most of a minute."""
    subprocess.run(
        [sys.executable, "-m", "backend.manage", "shell", "--no-imports", "--command", _FILL],
        env={**os.environ, "KML_STATE_DIR": str(platform.state.root)},
        check=True,
        timeout=240,
        capture_output=True,
    )

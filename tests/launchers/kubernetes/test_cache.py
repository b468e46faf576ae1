"""The cache holds the newest state that it received, whatever comes late, twice or never."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from backend.launchers.kubernetes.api import Gone, Manifest, TooMany, Unreachable
from backend.launchers.kubernetes.cache import ClusterCache, KindCache
from backend.launchers.kubernetes.manifests import JOB, ObjectKind
from kafkaml.errors import BrokenError
from tests.support import eventually


def job(name: str, version: int, *, uid: str = "", **status: object) -> Manifest:
    metadata = {"name": name, "uid": uid or f"uid of {name}", "resourceVersion": str(version)}
    return {"kind": "Job", "metadata": metadata, "status": status}


class Script:
    """A cluster with scripted answers: lists in order, and for each watch the events or the error at its end."""

    def __init__(self) -> None:
        self.lists: list[tuple[list[Manifest], str] | Exception] = []
        self.watches: list[list[tuple[str, Manifest] | Exception]] = []
        self.positions: list[str] = []

    def list(self, kind: ObjectKind) -> tuple[list[Manifest], str]:
        answer = self.lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def watch(self, kind: ObjectKind, resource_version: str, timeout_seconds: float) -> Iterator[tuple[str, Manifest]]:
        self.positions.append(resource_version)
        if not self.watches:
            return
        for event in self.watches.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


class World:
    def __init__(self) -> None:
        self.now = 100.0
        self.script = Script()
        self.cache = KindCache(api=self.script, kind=JOB, clock=lambda: self.now)  # type: ignore[arg-type]

    def names(self) -> list[str]:
        return sorted(found["metadata"]["name"] for found in self.cache.all())

    def follow(self, *events: tuple[str, Manifest] | Exception) -> None:
        self.script.watches.append(list(events))
        self.cache.step()


@pytest.fixture
def world() -> World:
    made = World()
    made.script.lists.append(([job("a", 5), job("b", 7)], "10"))
    made.cache.step()
    return made


def test_it_lists_then_watches_from_there_and_goes_on_from_the_last_word(world: World) -> None:
    assert world.names() == ["a", "b"]
    bookmark: Any = {"metadata": {"resourceVersion": "40"}}
    world.follow(("ADDED", job("c", 11)), ("MODIFIED", job("a", 12, active=1)), ("DELETED", job("b", 13)))
    world.follow(("BOOKMARK", bookmark))
    world.follow()
    assert world.names() == ["a", "c"]
    assert world.cache.get("a") == job("a", 12, active=1)
    assert world.script.positions == ["10", "13", "40"]


def test_a_history_that_is_gone_is_mended_by_a_list_at_once(world: World) -> None:
    world.follow(Gone("too old resource version"))
    world.script.lists.append(([job("c", 20)], "21"))
    world.cache.step()
    assert world.names() == ["c"]
    assert [removed["metadata"]["name"] for removed in world.cache.removed()] == ["a", "b"]


def test_a_broken_watch_is_mended_by_a_list_after_a_pause(world: World) -> None:
    world.follow(("ADDED", job("c", 11)), Unreachable("broke off"))
    world.cache.step()
    assert world.names() == ["a", "b", "c"]
    world.now += 0.3
    world.script.lists.append(([job("c", 11)], "30"))
    world.cache.step()
    assert world.names() == ["c"]


def test_pauses_grow_and_the_server_s_own_is_kept(world: World) -> None:
    world.follow(TooMany("slow down", retry_after_seconds=7.0))
    world.now += 6.9
    # The script has no list left, so a list now would fail.
    world.cache.step()
    world.now += 0.2
    world.script.lists += [Unreachable("1"), Unreachable("2"), ([], "50")]
    for pause in (0.41, 0.81):
        world.cache.step()
        assert isinstance(world.cache.failure, Unreachable)
        world.now += pause
    world.cache.step()
    assert (world.names(), world.cache.failure) == ([], None)


def test_what_we_wrote_is_seen_at_once_and_older_news_do_not_undo_it(world: World) -> None:
    world.cache.put(job("a", 20, active=1))
    world.cache.put(job("new", 21))
    world.follow(("MODIFIED", job("a", 15)))
    assert world.cache.get("a") == job("a", 20, active=1)
    # This list was already being answered at the time of our write.
    world.script.lists.append(([job("a", 15), job("b", 7)], "18"))
    world.cache.refresh()
    assert world.names() == ["a", "b", "new"]
    assert world.cache.get("a") == job("a", 20, active=1)


def test_what_is_deleted_never_comes_back(world: World) -> None:
    world.cache.drop(job("a", 5))
    world.follow(("MODIFIED", job("a", 12)))
    world.script.lists.append(([job("a", 12), job("b", 7)], "14"))
    world.cache.refresh()
    assert world.names() == ["b"]
    # An object of the same name with another uid is another object.
    world.follow(("ADDED", job("a", 30, uid="another")))
    assert world.names() == ["a", "b"]
    world.follow(("DELETED", job("a", 31)))
    assert world.names() == ["a", "b"]


def test_old_news_of_what_a_later_list_does_not_hold_are_of_the_dead(world: World) -> None:
    world.script.lists.append(([job("b", 7)], "20"))
    world.cache.refresh()
    world.follow(("ADDED", job("short-lived", 12)), ("MODIFIED", job("b", 13, active=1)))
    assert world.names() == ["b"]
    assert world.cache.get("b") == job("b", 13, active=1)
    assert world.script.positions == ["10"]


def test_it_knows_how_old_its_knowledge_is() -> None:
    world = World()
    assert not world.cache.is_synced
    assert world.cache.age_seconds == float("inf")
    world.script.lists.append(([], "1"))
    world.cache.step()
    world.now += 42
    assert world.cache.age_seconds == 42
    world.follow()
    assert world.cache.age_seconds == 0


def test_nothing_is_decided_on_too_little_or_on_old_knowledge() -> None:
    now = [0.0]
    script = Script()
    cache = ClusterCache(script, clock=lambda: now[0])  # type: ignore[arg-type]
    script.lists += [([], "1"), Unreachable("no route to host"), ([], "1"), ([], "1")]
    cache.step()
    with pytest.raises(BrokenError, match=r"has sent no list of its statefulsets yet: no route to host"):
        cache.check()
    now[0] += 1
    script.lists.append(([], "1"))
    script.watches += [[], [], [], []]
    cache.step()
    cache.check()
    now[0] += 91
    with pytest.raises(BrokenError, match=r"jobs for 91 s"):
        cache.check()


def test_an_answer_that_makes_no_sense_does_not_end_the_following() -> None:
    script = Script()
    cache = KindCache(api=script, kind=JOB)  # type: ignore[arg-type]
    script.lists += [([{"metadata": {}}], "1"), ([job("a", 5)], "10")]
    stop = threading.Event()
    thread = threading.Thread(target=cache.run, args=(stop,), daemon=True)
    thread.start()
    try:
        eventually(lambda: cache.get("a"))
    finally:
        stop.set()
        thread.join(5)


def test_work_goes_on_without_events() -> None:
    script = Script()
    cache = ClusterCache(script, clock=lambda: 0.0)  # type: ignore[arg-type]
    script.lists += [([], "1"), ([], "1"), ([], "1"), Unreachable("forbidden")]
    cache.step()
    cache.check()
    assert cache.events_of(job("a", 1)) == []

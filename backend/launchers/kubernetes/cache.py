"""Our objects in the cluster, cached in memory and kept up to date by list and watch; ``observe`` reads from here.

Each kind is listed once, consistently, then followed from the list's version. After an expired history (410) or a
broken watch everything is listed again. Results of our own requests are added immediately, and older news never undoes
them: the greater resource version of an object wins, and a deleted object never comes back.

A thread per kind calls ``run``; tests call ``step`` instead and need neither threads nor a clock of their own.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backend.launchers.kubernetes.api import ClusterApi, Gone, Manifest, TooMany
from backend.launchers.kubernetes.manifests import EVENT, JOB, POD, STATEFUL_SET, ObjectKind
from backend.launchers.kubernetes.objects import uid_of, version_of
from kafkaml.errors import BrokenError, KafkaMLError
from kafkaml.logs import get_logger

__all__ = ["ClusterCache", "KindCache"]

logger = get_logger(__name__)

# A watch is renewed at this pace, so that a dead connection is noticed before the cache counts as stale.
_WATCH_SECONDS = 45.0
# After this long without news the cache is too old to decide on.
MAX_AGE_SECONDS = 90.0
_FIRST_PAUSE_SECONDS = 0.2
_MAX_PAUSE_SECONDS = 5.0
# The pause between watches that end at once, as behind a proxy that does not allow watches.
_BETWEEN_WATCHES_SECONDS = 0.05
# How many last states of deleted objects are kept, to explain how they ended; the oldest are dropped first.
_MAX_REMOVED = 500


class KindCache:
    """All objects of one kind, by name. Objects that it hands out are never changed.

    It has over 12 fields because the objects, their version and the time of the next request change together, under one
    lock.
    """

    def __init__(self, *, api: ClusterApi, kind: ObjectKind, clock: Callable[[], float] = time.monotonic) -> None:
        self.kind = kind
        self._api = api
        self._clock = clock
        self._lock = threading.RLock()
        self._objects: dict[str, Manifest] = {}
        self._removed: OrderedDict[str, Manifest] = OrderedDict()
        # The resource version at which the next watch begins. Empty: list first.
        self._position = ""
        # The version of the latest list. Older news about an object that the list does not hold concerns a deleted one.
        self._floor = 0
        self._contact = float("-inf")
        self._pause = 0.0
        self._not_before = float("-inf")
        self._failure: KafkaMLError | None = None
        self.changes = 0

    # --- reading ---------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Manifest | None:
        """Return the object of this name, or None."""
        with self._lock:
            return self._objects.get(name)

    def all(self) -> list[Manifest]:
        """Return all objects of the kind."""
        with self._lock:
            return list(self._objects.values())

    def removed(self) -> list[Manifest]:
        """Return the last states of objects that were deleted lately, the oldest first."""
        with self._lock:
            return list(self._removed.values())

    @property
    def is_synced(self) -> bool:
        """Whether everything was listed once."""
        return self._contact > float("-inf")

    @property
    def age_seconds(self) -> float:
        """How long ago the cluster last said anything about this kind; infinite before the first list."""
        return self._clock() - self._contact

    @property
    def failure(self) -> KafkaMLError | None:
        """Why the last try to list or watch failed; None when it did not."""
        return self._failure

    # --- our own writes --------------------------------------------------------------------------------------------

    def put(self, manifest: Manifest) -> None:
        """Store an object that one of our requests returned, unless a later version is known."""
        with self._lock:
            self._put(manifest)

    def drop(self, manifest: Manifest) -> None:
        """Remove an object that is gone according to the answer to one of our requests."""
        with self._lock:
            self._remove(manifest)

    # --- following -------------------------------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Follow the cluster until ``stop``."""
        while not stop.is_set():
            try:
                self.step()
            except Exception as error:
                # An unforeseen answer must not end the only thread that watches.
                logger.exception("the cluster cannot be followed", kind=self.kind.kind)
                self._rest(BrokenError(f"the answer about {self.kind.plural} was not understood: {error!r}"))
            stop.wait(max(self._not_before - self._clock(), _BETWEEN_WATCHES_SECONDS))

    def step(self) -> None:
        """List when that is due, otherwise watch until the server ends it; rests after a failure. Raises nothing."""
        if self._clock() < self._not_before:
            return
        try:
            if not self._position:
                self.refresh(follow=True)
            else:
                self._watch()
            self._pause, self._failure = 0.0, None
        except Gone as error:
            logger.info("the history is gone, everything is listed again", kind=self.kind.kind)
            self._position, self._failure = "", error
        except KafkaMLError as error:
            self._rest(error)

    def refresh(self, *, follow: bool = False) -> None:
        """List everything now; with ``follow`` the next watch begins there. Raises a ClusterError."""
        items, position = self._api.list(self.kind)
        version = int(position or 0)
        with self._lock:
            present = {uid_of(item) for item in items}
            for item in items:
                self._put(item)
            for known in list(self._objects.values()):
                # Keep objects that are newer than the list, because our requests may have created them meanwhile.
                if uid_of(known) not in present and version_of(known) <= version:
                    self._remove(known)
            self._floor = max(self._floor, version)
            if follow:
                self._position = position
            self._contact = self._clock()

    def _watch(self) -> None:
        for kind, manifest in self._api.watch(self.kind, self._position, _WATCH_SECONDS):
            with self._lock:
                self._contact = self._clock()
                self._position = str(manifest["metadata"]["resourceVersion"])
                if kind == "DELETED":
                    self._remove(manifest)
                elif kind != "BOOKMARK" and (version_of(manifest) > self._floor or self._holds(manifest)):
                    self._put(manifest)
        self._contact = self._clock()

    def _rest(self, error: KafkaMLError) -> None:
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE_SECONDS), _MAX_PAUSE_SECONDS)
        pause = max(self._pause, error.retry_after_seconds) if isinstance(error, TooMany) else self._pause
        # A list finds what a broken watch missed.
        self._position = ""
        self._not_before = self._clock() + pause
        if str(error) != str(self._failure):
            logger.warning("the cluster cannot be followed", kind=self.kind.kind, error=str(error), seconds=pause)
        self._failure = error

    def _holds(self, manifest: Manifest) -> bool:
        known = self._objects.get(manifest["metadata"]["name"])
        return known is not None and uid_of(known) == uid_of(manifest)

    def _put(self, manifest: Manifest) -> None:
        if uid_of(manifest) in self._removed:
            return
        name = manifest["metadata"]["name"]
        known = self._objects.get(name)
        if known is not None and version_of(known) >= version_of(manifest):
            return
        if known is not None and uid_of(known) != uid_of(manifest):
            self._remove(known)
        self._objects[name] = manifest
        self.changes += 1

    def _remove(self, manifest: Manifest) -> None:
        name, uid = manifest["metadata"]["name"], uid_of(manifest)
        known = self._objects.get(name)
        if known is not None and uid_of(known) == uid:
            del self._objects[name]
            manifest = max(known, manifest, key=version_of)
        if uid not in self._removed:
            self._removed[uid] = manifest
            if len(self._removed) > _MAX_REMOVED:
                self._removed.popitem(last=False)
        self.changes += 1


class ClusterCache:
    """The kinds of objects that show the state of work. Events only explain; everything else works without them."""

    def __init__(self, api: ClusterApi, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs = KindCache(api=api, kind=JOB, clock=clock)
        self.sets = KindCache(api=api, kind=STATEFUL_SET, clock=clock)
        self.pods = KindCache(api=api, kind=POD, clock=clock)
        self._events = KindCache(api=api, kind=EVENT, clock=clock)
        self._kinds = (self.jobs, self.sets, self.pods, self._events)
        self._events_by_uid: tuple[int, dict[str, list[Manifest]]] = (-1, {})
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Follow the cluster in threads; doing so again changes nothing."""
        if self._threads:
            return
        self._threads = [
            threading.Thread(target=kind.run, args=(self._stop,), name=f"watch-{kind.kind.plural}", daemon=True)
            for kind in self._kinds
        ]
        for thread in self._threads:
            thread.start()

    def step(self) -> None:
        """Do once what the threads do repeatedly."""
        for kind in self._kinds:
            kind.step()

    def close(self) -> None:
        """Let the threads end at the next message from the cluster, without waiting for them."""
        self._stop.set()

    @property
    def is_synced(self) -> bool:
        """Whether all that decisions rest on was listed once."""
        return all(kind.is_synced for kind in self._kinds[:-1])

    def wait_synced(self, timeout_seconds: float) -> None:
        """Wait until everything was listed once, or until that fails or the time is up."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline and not self._stop.wait(0.01):
            if all(kind.is_synced or kind.failure for kind in self._kinds):
                return

    def check(self) -> None:
        """Raise BrokenError when too little is known of the cluster to decide, or what is known is too old."""
        for kind in self._kinds[:-1]:
            if kind.age_seconds <= MAX_AGE_SECONDS:
                continue
            why = f": {kind.failure}" if kind.failure is not None else ""
            since = f"for {kind.age_seconds:.0f} s" if kind.is_synced else "yet"
            raise BrokenError(
                f"the cluster has sent no list of its {kind.kind.plural} {since}{why}",
                hint=kind.failure.hint if kind.failure is not None else "",
            )

    def events_of(self, manifest: Mapping[str, Any]) -> list[Manifest]:
        """Return the warnings of the cluster about an object."""
        changes, by_uid = self._events_by_uid
        if changes != self._events.changes:
            changes, by_uid = self._events.changes, _by_involved(self._events.all())
            self._events_by_uid = (changes, by_uid)
        return by_uid.get(uid_of(manifest), [])


def _by_involved(events: Iterable[Manifest]) -> dict[str, list[Manifest]]:
    found: dict[str, list[Manifest]] = {}
    for event in events:
        found.setdefault(str((event.get("involvedObject") or {}).get("uid")), []).append(event)
    return found

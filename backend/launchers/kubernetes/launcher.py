"""KubernetesLauncher: trainings as Jobs, inferences as StatefulSets, in one namespace of a cluster.

What it knows is in the cluster and in files, so there is nothing to lose: the objects say what runs, a file next to the
log says that a user stopped it, and the failed Job keeps its pod, which holds the reason. Memory only adds what the
cluster has deleted in the meantime. All objects of a run carry its name, so a second launch adopts the first. Two runs
of one row never overlap, because a run counts as gone only when its owner and all of its pods are.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backend.launchers.base import Observed, Phase, WorkSpec
from backend.launchers.kubernetes.api import ApiRefused, ClusterApi, ClusterError, Manifest, Unreachable
from backend.launchers.kubernetes.cache import ClusterCache
from backend.launchers.kubernetes.manifests import (
    DISRUPTION_BUDGET,
    JOB,
    SCALED_OBJECT,
    SECRET,
    STATEFUL_SET,
    ObjectKind,
    build_work,
)
from backend.launchers.kubernetes.objects import (
    exit_code,
    has_condition,
    has_ended,
    is_deleting,
    is_over,
    made_at,
    replica_of,
    runs,
    uid_of,
    wanted_replicas,
    work_of,
    worker_status,
)
from backend.launchers.kubernetes.pod_diagnosis import job_obstacle, pod_failure, pod_obstacle, set_obstacle, vanished
from backend.launchers.kubernetes.pod_logs import PodLogs
from backend.launchers.kubernetes.settings import KubernetesSettings
from backend.launchers.kubernetes.stop_marks import StopMarks
from backend.launchers.kubernetes.writer import ObjectWriter, kind_of
from backend.launchers.log_folders import LogFolders
from backend.launchers.names import RunKind, check_work_name, parse_work_name
from backend.launchers.replica_log import log_tail, names_with_log, prune_logs
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.wire.failure import Failure

__all__ = ["KubernetesLauncher"]

logger = get_logger(__name__)

# How long the first look waits for the cluster's first answer.
_FIRST_LOOK_SECONDS = 5.0
# How long the report of a Job's end is held back until its whole log is collected.
_DRAIN_SECONDS = 5.0
# How often the removal of one stuck pod is asked for.
_REMOVE_AGAIN_SECONDS = 10.0
# The pause before the cluster is asked again about objects whose fate it did not report.
_ASK_AGAIN_SECONDS = 1.0


@dataclass
class _Sight:
    """The objects of one run in the cluster."""

    owner: Manifest | None = None
    pods: list[Manifest] = field(default_factory=list)

    @property
    def pod(self) -> Manifest | None:
        """The newest pod of the run."""
        return max(self.pods, key=made_at, default=None)

    @property
    def live(self) -> list[Manifest]:
        return [pod for pod in self.pods if not is_over(pod)]

    @property
    def is_leaving(self) -> bool:
        return self.owner is not None and is_deleting(self.owner)


class KubernetesLauncher:
    """See Launcher. Making one starts nothing; the first ``observe`` begins to follow the cluster.

    ``base_env`` is every worker's environment in addition to its job's; ``logs_dir`` holds the logs by name. With
    ``threads`` off nothing happens automatically: ``step`` follows the cluster and collects logs. The class has over
    300 lines and over 12 fields because all of its steps share one view of the cluster. Their pure parts are in other
    modules.
    """

    def __init__(
        self,
        *,
        api: ClusterApi,
        settings: KubernetesSettings,
        base_env: Mapping[str, str],
        logs_dir: Path,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        threads: bool = True,
    ) -> None:
        self._api = api
        self._settings = settings
        self._base_env = dict(base_env)
        self._logs_dir = logs_dir
        self._clock = clock
        self._wall_clock = wall_clock
        self._threads = threads
        self._cache = ClusterCache(api, clock=clock)
        self._writer = ObjectWriter(api, self._cache, settings)
        self._logs = PodLogs(api=api, logs_dir=logs_dir, clock=clock)
        # Ends as they were reported, kept until they are forgotten, because the cluster may delete a Job or its pod
        # earlier.
        self._ends: dict[str, Observed] = {}
        self._ended_at: dict[str, float] = {}
        # Names whose owner was there at the last look, and those whose owner has gone since.
        self._owned: set[str] = set()
        self._vanished: set[str] = set()
        # Names that may have a pod which the watch has not shown yet.
        self._uncounted: set[str] = set()
        self._is_counted_once = False
        # Owners that an unanswered request may have created.
        self._unsure: dict[str, ObjectKind] = {}
        self._ask_at = float("-inf")
        self._removed_at: dict[str, float] = {}
        # The number of pod changes after which the log collector was last updated.
        self._shown_changes = -1
        self._stopped = StopMarks(logs_dir)

    # --- the contract ----------------------------------------------------------------------------------------------

    def launch(self, spec: WorkSpec) -> None:
        """See Launcher. The owner (Job or StatefulSet) is created first; its pods wait for the Secret and what else
        they need.
        """
        work = build_work(spec, self._settings, self._base_env)
        kind = kind_of(work.owner)
        if spec.name in self._ends or (spec.name in self._stopped and not self._writer.is_there(kind, spec.name)):
            # The work of this name ended and was not forgotten, so it is adopted unchanged.
            return
        try:
            owner, is_new = self._writer.make_owner(work.owner, spec)
        except Unreachable:
            self._unsure[spec.name] = kind
            raise
        if is_new:
            self._owned.add(spec.name)
        if has_ended(owner):
            return
        self._writer.complete(owner, work, spec)
        self._stopped.discard(spec.name)

    def stop(self, name: str) -> None:
        """See Launcher. The owner stays in sight until its pods have ended."""
        check_work_name(name)
        sight = self._sight(name)
        if sight.owner is not None or sight.pods:
            self._stopped.add(name)
            failpoint("launcher.stop_written")
        if self._writer.delete(_owner_kind(name, sight), name, propagation="Foreground"):
            self._stopped.add(name)
        if sight.owner is None:
            self._remove_left_alone(name, sight)

    def forget(self, name: str) -> None:
        """See Launcher. Work that still runs is not forgotten."""
        check_work_name(name)
        sight = self._sight(name)
        if sight.live or (sight.owner is not None and not has_ended(sight.owner) and not sight.is_leaving):
            return
        self._writer.delete(_owner_kind(name, sight), name, propagation="Background")
        failpoint("launcher.forget_half")
        self._remove_left_alone(name, sight)
        self._stopped.discard(name)
        for known in (self._ends, self._ended_at):
            known.pop(name, None)
        for names in (self._owned, self._vanished, self._uncounted):
            names.discard(name)

    def observe(self) -> Mapping[str, Observed]:
        """See Launcher. Answers from memory; raises BrokenError while too little is known of the cluster."""
        if self._threads:
            self._start()
        self._cache.check()
        self._ask_again()
        self._notice_vanished()
        changes, pods = self._cache.pods.changes, self._cache.pods.all()
        if changes != self._shown_changes:
            self._shown_changes = changes
            self._logs.show(pods)
        sights = self._sights(pods)
        self._remove_stuck(pods)
        found: dict[str, Observed] = {}
        for name in sorted({*sights, *self._ends, *self._vanished, *self._unsure, *self._stopped}):
            seen = self._observe_one(name, sights.get(name) or _Sight())
            if seen is not None:
                found[name] = seen
        return found

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]:
        """See Launcher."""
        return LogFolders(self._logs_dir).logs(name, replica=replica, offset=offset, max_bytes=max_bytes)

    def names(self) -> Sequence[str]:
        """See Launcher."""
        return names_with_log(self._logs_dir)

    def prune(self, *, older_than_seconds: float) -> None:
        """See Launcher. Nothing is removed before the cluster has shown what still runs."""
        if self._cache.is_synced:
            kept = {*self._sights(self._cache.pods.all()), *self._ends, *self._stopped}
            prune_logs(self._logs_dir, older_than_seconds=older_than_seconds, is_kept=kept.__contains__)

    def close(self) -> None:
        """See Launcher."""
        self._cache.close()
        self._logs.close()
        self._api.close()

    def step(self) -> None:
        """Follow the cluster once and collect what logs there are, for those who use no threads."""
        self._cache.step()
        self._logs.show(self._cache.pods.all())
        self._logs.step()

    def _start(self) -> None:
        self._cache.start()
        self._logs.start()
        if not self._cache.is_synced:
            self._cache.wait_synced(_FIRST_LOOK_SECONDS)

    # --- what should be gone -----------------------------------------------------------------------------------------

    def _remove_left_alone(self, name: str, sight: _Sight) -> None:
        """Remove what is left when someone deleted an owner without its dependents: pods and other objects."""
        alone = [pod for pod in sight.pods if not pod["metadata"].get("ownerReferences")]
        if not alone:
            return
        others = () if _is_training(name) else (DISRUPTION_BUDGET, *([SCALED_OBJECT] if self._settings.keda else []))
        for kind in (SECRET, *others):
            try:
                self._writer.delete(kind, name, propagation="Background")
            except ApiRefused as error:
                # The platform's role may not allow the deletion, which is harmless: the objects that are left do not
                # run anything.
                logger.warning("what belonged to ended work is left", job=name, kind=kind.kind, error=str(error))
        for pod in alone:
            if not is_deleting(pod):
                self._writer.delete_pod(pod)

    def _remove_stuck(self, pods: Sequence[Manifest]) -> None:
        """Remove pods that should be gone for long, because their node is lost and nothing else will remove them.

        A StatefulSet does not replace a pod before it is removed. If the lost pod still runs, it does no harm to
        its successor: the newer pod's transactions fence the older's, and the backend refuses what an older attempt
        reports.
        """
        stuck = {uid_of(pod): pod for pod in pods if self._is_stuck(pod)}
        self._removed_at = {uid: at for uid, at in self._removed_at.items() if uid in stuck}
        for uid, pod in stuck.items():
            if self._clock() - self._removed_at.get(uid, float("-inf")) < _REMOVE_AGAIN_SECONDS:
                continue
            self._removed_at[uid] = self._clock()
            logger.warning("a pod that does not go is removed", job=work_of(pod), pod=pod["metadata"]["name"])
            job = self._cache.jobs.get(work_of(pod))
            try:
                if job is not None and not is_deleting(job) and not has_ended(job):
                    # The cluster would wait forever for the node's confirmation, and keep the pod until then.
                    self._writer.delete(JOB, work_of(pod), propagation="Background")
                self._writer.delete_pod(pod, grace_seconds=0)
            except ClusterError as error:
                logger.warning("the pod could not be removed", job=work_of(pod), error=str(error))

    def _is_stuck(self, pod: Manifest) -> bool:
        if not is_deleting(pod):
            return False
        # The cluster's deletion timestamp already includes the grace period.
        due = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"]).timestamp()
        return self._wall_clock() - due > self._settings.node_lost_seconds

    # --- being sure ------------------------------------------------------------------------------------------------

    def _ask_again(self) -> None:
        """Find out the effect of unanswered requests; their names are UNKNOWN until then."""
        if not self._unsure or self._clock() < self._ask_at:
            return
        for name, kind in list(self._unsure.items()):
            try:
                self._writer.is_there(kind, name)
            except ClusterError as error:
                self._ask_at = self._clock() + _ASK_AGAIN_SECONDS
                logger.warning("what became of a launch is not known yet", job=name, error=str(error))
                return
            del self._unsure[name]

    def _notice_vanished(self) -> None:
        """Notice deleted owners, and list the pods again before their run counts as gone.

        Owners and pods are watched apart, so an owner may be seen to go, or to end, before its pod is seen to come.
        """
        owners = [*self._cache.jobs.all(), *self._cache.sets.all()]
        present = {str(owner["metadata"]["name"]) for owner in owners}
        gone = self._owned - present
        self._vanished = (self._vanished | gone) - present
        with_pod = {work_of(pod) for pod in self._cache.pods.all()}
        podless = {owner["metadata"]["name"] for owner in owners if has_ended(owner)} - with_pod - self._ended_at.keys()
        self._uncounted |= gone | podless
        self._owned = present - self._ends.keys()
        if self._is_counted_once and (not self._uncounted or self._clock() < self._ask_at):
            return
        try:
            self._cache.pods.refresh()
        except ClusterError as error:
            self._ask_at = self._clock() + _ASK_AGAIN_SECONDS
            if not self._is_counted_once:
                raise
            logger.warning("the pods of ended work cannot be counted now", error=str(error))
        else:
            self._is_counted_once = True
            self._uncounted.clear()

    # --- looking ---------------------------------------------------------------------------------------------------

    def _sights(self, pods: Sequence[Manifest]) -> dict[str, _Sight]:
        sights: dict[str, _Sight] = defaultdict(_Sight)
        for owner in (*self._cache.jobs.all(), *self._cache.sets.all()):
            sights[owner["metadata"]["name"]].owner = owner
        for pod in pods:
            sights[work_of(pod)].pods.append(pod)
        return {name: sight for name, sight in sights.items() if parse_work_name(name) is not None}

    def _sight(self, name: str) -> _Sight:
        owner = self._cache.jobs.get(name) or self._cache.sets.get(name)
        return _Sight(owner, [pod for pod in self._cache.pods.all() if work_of(pod) == name])

    def _observe_one(self, name: str, sight: _Sight) -> Observed | None:
        if name in self._unsure and sight.owner is None:
            return Observed(name=name, phase=Phase.UNKNOWN)
        if sight.owner is None:
            return self._observe_ownerless(name, sight)
        if sight.is_leaving:
            return Observed(name=name, phase=Phase.STOPPING, replicas=wanted_replicas(sight.owner))
        if sight.owner["kind"] == STATEFUL_SET.kind:
            return self._observe_set(name, sight.owner, sight)
        return self._observe_job(name, sight.owner, sight)

    def _observe_job(self, name: str, job: Manifest, sight: _Sight) -> Observed:
        if name in self._ends:
            return self._ends[name]
        if has_ended(job):
            # The cluster may report the end of a Job before that of its pod, or before the pod has gone.
            if sight.live or name in self._uncounted:
                return Observed(name=name, phase=Phase.STOPPING)
            return self._end(name, sight.pod or self._last_pod(name), job)
        pod = sight.pod
        if pod is not None and (is_over(pod) or runs(pod)):
            return Observed(name=name, phase=Phase.RUNNING, ready_replicas=int(not is_over(pod)))
        obstacle = pod_obstacle(pod, self._cache.events_of(pod)) if pod is not None else None
        obstacle = obstacle or job_obstacle(job, self._cache.events_of(job))
        return Observed(name=name, phase=Phase.STARTING, failure=obstacle)

    def _end(self, name: str, pod: Manifest | None, job: Manifest | None) -> Observed:
        """Report how a run ended, once its log is complete; the report never changes afterwards."""
        ended_at = self._ended_at.setdefault(name, self._clock())
        if not self._logs.is_drained(name, 0) and self._clock() - ended_at < _DRAIN_SECONDS:
            return Observed(name=name, phase=Phase.RUNNING)
        tail = log_tail(self._logs_dir / name, 0)
        code = exit_code(pod)
        events = self._cache.events_of(pod) if pod is not None else []
        failure = None
        if name not in self._stopped and not has_condition(job, "Complete"):
            failure = pod_failure(pod, log_tail=tail, events=events) if pod is not None else None
            if failure is None and code != 0:
                failure = vanished(pod, job)
        self._ends[name] = Observed(
            name=name,
            phase=Phase.SUCCEEDED if failure is None else Phase.FAILED,
            exit_code=0 if has_condition(job, "Complete") else code,
            failure=failure,
            log_tail=tail,
        )
        return self._ends[name]

    def _observe_set(self, name: str, owner: Manifest, sight: _Sight) -> Observed:
        pods = sorted(sight.pods, key=replica_of)
        running = sum(1 for pod in pods if runs(pod) and not is_deleting(pod))
        failure, tail = self._crash(name, pods)
        if failure is None and running < wanted_replicas(owner):
            obstacles = (pod_obstacle(pod, self._cache.events_of(pod)) for pod in pods)
            failure = next((obstacle for obstacle in obstacles if obstacle is not None), None)
            failure = failure or set_obstacle(owner, self._cache.events_of(owner))
        return Observed(
            name=name,
            phase=Phase.RUNNING if running else Phase.STARTING,
            replicas=wanted_replicas(owner),
            ready_replicas=running,
            restarts=sum(int(worker_status(pod).get("restartCount") or 0) for pod in pods),
            failure=failure,
            log_tail=tail,
        )

    def _crash(self, name: str, pods: Sequence[Manifest]) -> tuple[Failure | None, str]:
        """Return why a replica waits to be started again, and the end of its log; None where no replica waits."""
        for pod in pods:
            if worker_status(pod) and not runs(pod) and not is_deleting(pod):
                tail = log_tail(self._logs_dir / name, replica_of(pod))
                failure = pod_failure(pod, log_tail=tail, events=self._cache.events_of(pod))
                if failure is not None:
                    return failure, tail
        return None, ""

    def _observe_ownerless(self, name: str, sight: _Sight) -> Observed | None:
        if sight.live:
            kept = [pod for pod in sight.live if not pod["metadata"].get("ownerReferences") and not is_deleting(pod)]
            if not kept:
                return Observed(name=name, phase=Phase.STOPPING)
            # Someone removed the owner but not its pods. A recreated set adopts them.
            running = sum(map(runs, kept))
            phase = Phase.RUNNING if running else Phase.STARTING
            return Observed(name=name, phase=phase, replicas=int(_is_training(name)), ready_replicas=running)
        if name in self._uncounted:
            return Observed(name=name, phase=Phase.STOPPING)
        if name in self._ends:
            return self._ends[name]
        if name in self._stopped:
            return Observed(name=name, phase=Phase.SUCCEEDED, log_tail=log_tail(self._logs_dir / name, 0))
        # The pod of a Job that somebody removed may still tell how it ended.
        alone = [pod for pod in sight.pods if not pod["metadata"].get("ownerReferences")]
        if _is_training(name) and (alone or name in self._vanished):
            return self._end(name, sight.pod or self._last_pod(name), None)
        self._vanished.discard(name)
        return None

    def _last_pod(self, name: str) -> Manifest | None:
        """Return the last state of a pod that the cluster has deleted."""
        return max((pod for pod in self._cache.pods.removed() if work_of(pod) == name), key=made_at, default=None)


def _owner_kind(name: str, sight: _Sight) -> ObjectKind:
    if sight.owner is not None:
        return kind_of(sight.owner)
    return JOB if _is_training(name) else STATEFUL_SET


def _is_training(name: str) -> bool:
    parsed = parse_work_name(name)
    return parsed is not None and parsed.kind is RunKind.TRAINING

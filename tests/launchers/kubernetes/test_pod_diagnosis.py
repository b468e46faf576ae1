"""Diagnoses of a cluster's reports: why pods ended or do not start. The words are those of Kubernetes 1.36."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from backend.launchers.kubernetes.pod_diagnosis import job_obstacle, pod_failure, pod_obstacle, set_obstacle
from kafkaml.wire.failure import FailureCategory

CONFIGURATION, LOST = FailureCategory.CONFIGURATION, FailureCategory.LOST
NAME, UID = "kml-train-7-a1-x2k9p", "0b6f7c1e"


def pod(status: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": NAME, "uid": UID, "labels": {"kafka-ml/work": "kml-train-7-a1"}},
        "spec": {
            "containers": [
                {
                    "name": "worker",
                    "image": "kafka-ml/model_training_tensorflow:0.1.0",
                    "resources": {"limits": {"memory": "5Gi"}},
                }
            ],
            "volumes": [{"name": "token", "secret": {"secretName": "kml-train-7-a1", "defaultMode": 288}}],
        },
        "status": status,
    }


def worker(state: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return [
        # Containers that others add to the pod are ignored.
        {"name": "istio-proxy", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}},
        {"name": "worker", "restartCount": 0, "ready": False, "state": state, "lastState": last or {}},
    ]


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason,
            **({"message": message} if message else {}),
            "startedAt": "2026-11-21T20:00:00Z",
            "finishedAt": "2026-11-21T20:00:09Z",
            "containerID": "containerd://4f1d",
        }
    }


def failed(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return pod({"phase": "Failed", "containerStatuses": worker(ended(code, reason, message))})


def taken_by_node(reason: str, message: str) -> dict[str, Any]:
    return pod({"phase": "Failed", "reason": reason, "message": message})


def disrupted(reason: str, message: str, *, code: int = 143) -> dict[str, Any]:
    return pod(
        {
            "phase": "Failed",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message},
            ],
            "containerStatuses": worker(ended(code)),
        }
    )


def event(
    reason: str, message: str, *, kind: str = "Warning", seen: str = "2026-11-21T20:00:00Z", **more: Any
) -> dict[str, Any]:
    return {
        "type": kind,
        "reason": reason,
        "message": message,
        "lastTimestamp": seen,
        "involvedObject": {"kind": "Pod", "name": NAME, "uid": UID},
        **more,
    }


# --- ends ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Succeeded", "containerStatuses": worker(ended(0, "Completed"))},
        {"phase": "Running", "containerStatuses": worker({"running": {"startedAt": "2026-11-21T20:00:00Z"}})},
        # A worker that crashed once and runs again.
        {"phase": "Running", "containerStatuses": worker({"running": {}}, ended(1))},
        {"phase": "Pending", "containerStatuses": worker({"waiting": {"reason": "ContainerCreating"}})},
        {"phase": "Pending"},
        {},
    ],
)
def test_what_did_not_end_badly_is_not_a_failure(status: dict[str, Any]) -> None:
    assert pod_failure(pod(status), log_tail="") is None


ENDS = [
    # Pods removed by their node or by the cluster are tried again.
    (
        taken_by_node(
            "Evicted",
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 51Mi. Container worker was"
            " using 4Gi, request is 1Gi, has larger consumption of memory. ",
        ),
        LOST,
        "its node ran short: The node was low on resource: memory",
        "KML_KUBERNETES_MEMORY_REQUEST",
    ),
    (
        taken_by_node("Evicted", "The node had condition: [DiskPressure]. "),
        LOST,
        "The node had condition: [DiskPressure]",
        "tried again",
    ),
    (
        taken_by_node("Evicted", 'Usage of EmptyDir volume "scratch" exceeds the limit "10Gi". '),
        CONFIGURATION,
        'more disk space than it may: Usage of EmptyDir volume "scratch" exceeds the limit "10Gi"',
        "KML_KUBERNETES_SCRATCH_BYTES",
    ),
    (
        taken_by_node("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 10496Mi. "),
        CONFIGURATION,
        "exceeds the total limit of containers 10496Mi",
        "KML_KUBERNETES_SCRATCH_BYTES",
    ),
    (
        taken_by_node("Evicted", 'Container worker exceeded its local ephemeral storage limit "10496Mi". '),
        CONFIGURATION,
        "exceeded its local ephemeral storage limit",
        "KML_KUBERNETES_SCRATCH_BYTES",
    ),
    (taken_by_node("NodeLost", "Node node2 which was running pod is unresponsive"), LOST, "does not answer", "another"),
    (
        taken_by_node("Preempting", "Preempted in order to admit critical pod"),
        LOST,
        "cannot do without: Preempted in order to admit critical pod",
        "tried again",
    ),
    (
        taken_by_node("Terminated", "Pod was terminated in response to imminent node shutdown."),
        LOST,
        "node was shut down: Pod was terminated in response to imminent node shutdown",
        "another node",
    ),
    (
        taken_by_node("NodeShutdown", "Pod was rejected as the node is shutting down."),
        LOST,
        "was shutting down",
        "another node",
    ),
    (
        taken_by_node(
            "UnexpectedAdmissionError",
            "Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu, which"
            " is unexpected",
        ),
        LOST,
        "unhealthy devices nvidia.com/gpu",
        "device plugin",
    ),
    (taken_by_node("NodeAffinity", "Predicate NodeAffinity failed"), LOST, "changed its labels", "another node"),
    (
        taken_by_node("OutOfcpu", "Node didn't have enough resource: cpu, requested: 2000, used: 1900, capacity: 2000"),
        LOST,
        "had no cpu left when it came",
        "where there is room",
    ),
    (
        taken_by_node("OutOfnvidia.com/gpu", "Node didn't have enough resource: nvidia.com/gpu, requested: 1, used: 1"),
        LOST,
        "had no nvidia.com/gpu left",
        "where there is room",
    ),
    (
        disrupted("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"),
        LOST,
        "a more important one: default-scheduler: preempting",
        "KML_KUBERNETES_PRIORITY_CLASS",
    ),
    (
        disrupted("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"),
        LOST,
        "node was lost or closed to it (a taint): Taint manager: deleting due to NoExecute taint",
        "another node",
    ),
    (disrupted("EvictionByEvictionAPI", "Eviction API: evicting"), LOST, "a drain", "another node"),
    # A worker killed before the end of its grace period is still lost to the disruption.
    (disrupted("EvictionByEvictionAPI", "Eviction API: evicting", code=137), LOST, "a drain", "another node"),
    (disrupted("DeletionByPodGC", "PodGC: node no longer exists"), LOST, "node is gone: PodGC", "another node"),
    (
        disrupted("TerminationByKubelet", "Pod was terminated in response to imminent node shutdown."),
        LOST,
        "the pod's node ended it",
        "tried again",
    ),
    (disrupted("DeletionByDeviceTaintManager", "Device taint"), LOST, "taken out of service", "another device"),
    (disrupted("SomethingNew", "of a later Kubernetes"), LOST, "took the pod away: of a later Kubernetes", "tried"),
    # Ends of the container itself.
    (
        failed(137, "OOMKilled"),
        FailureCategory.OUT_OF_MEMORY,
        "memory ran out (limit of its pod: 5.00 GiB)",
        "KML_MODEL_MEMORY_BYTES + KML_KUBERNETES_MEMORY_OVERHEAD_BYTES",
    ),
    (
        pod(
            {
                "phase": "Failed",
                "reason": "DeadlineExceeded",
                "message": "Pod was active on the node longer than the specified deadline",
                "containerStatuses": worker(ended(137)),
            }
        ),
        FailureCategory.TIME_LIMIT,
        "longer than it may",
        "KML_TRAINING_WALL_SECONDS",
    ),
    (
        failed(
            128,
            "StartError",
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create"
            ' failed: unable to start container process: exec: "python": executable file not found in $PATH',
        ),
        CONFIGURATION,
        "could not be started: failed to create containerd task: failed to create shim task: OCI runtime create failed",
        "correct KML_KUBERNETES_IMAGE",
    ),
    (
        failed(128, "ContainerCannotRun", "nvidia-container-cli: initialization error"),
        CONFIGURATION,
        "nvidia",
        "driver",
    ),
    (
        failed(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated"),
        LOST,
        "vanished",
        "tried again",
    ),
    (failed(137), LOST, "SIGKILL", "tried again"),
    (failed(143), LOST, "SIGTERM", "tried again"),
    (failed(139), FailureCategory.INTERNAL, "SIGSEGV", "log"),
    (failed(3), FailureCategory.INTERNAL, "exit code 3", "log"),
    (failed(11), LOST, "could not tell the backend", "log"),
    (
        failed(
            1,
            "Error",
            "starting\nTraceback (most recent call last):\n  ...\nModuleNotFoundError: No module named 'x'\n",
        ),
        CONFIGURATION,
        "No module named 'x'",
        "kafka-ml doctor",
    ),
    # It is only known that the pod is over.
    (pod({"phase": "Failed"}), LOST, "vanished", "tried again"),
    (taken_by_node("SomethingNew", "Of a later Kubernetes."), LOST, "vanished", "tried again"),
]


@pytest.mark.parametrize(("failed_pod", "category", "cause", "hint"), ENDS)
def test_ends(failed_pod: dict[str, Any], category: FailureCategory, cause: str, hint: str) -> None:
    failure = pod_failure(failed_pod, log_tail="")
    assert failure is not None
    assert cause in failure.cause
    assert hint in failure.hint
    assert failure.category is category


def test_the_log_says_more_than_what_the_cluster_kept_of_it() -> None:
    failure = pod_failure(failed(1, "Error", "the last 2048 bytes"), log_tail="MemoryError: Unable to allocate 9 GiB\n")
    assert failure is not None
    assert failure.category is FailureCategory.OUT_OF_MEMORY


def test_an_end_that_nobody_saw_is_reported_with_the_last_warning_about_the_pod() -> None:
    failure = pod_failure(
        pod({"phase": "Failed"}),
        log_tail="",
        events=[
            event("NodeNotReady", "Node is not ready", seen="2026-11-21T20:00:05Z"),
            event("Scheduled", "Successfully assigned", kind="Normal", seen="2026-11-21T20:00:09Z"),
        ],
    )
    assert failure is not None
    assert failure.cause.endswith(": Node is not ready")


@pytest.mark.parametrize(
    ("last", "category", "cause"),
    [
        (ended(137, "OOMKilled"), FailureCategory.OUT_OF_MEMORY, "memory ran out"),
        (ended(1, "Error", "ValueError: bad\n"), FailureCategory.INTERNAL, "ValueError: bad"),
        (ended(139), FailureCategory.INTERNAL, "SIGSEGV"),
    ],
)
def test_a_replica_that_waits_to_be_started_again_tells_why_it_crashed(
    last: dict[str, Any], category: FailureCategory, cause: str
) -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container=worker"}}
    crashed = pod({"phase": "Running", "containerStatuses": worker(waiting, last)})
    failure = pod_failure(crashed, log_tail="")
    assert failure is not None
    assert failure.category is category
    assert cause in failure.cause
    # The worker did start, so no obstacle is in its way.
    assert pod_obstacle(crashed) is None


def test_a_replica_that_ended_well_and_waits_to_be_started_again_has_no_failure() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    status = {"phase": "Running", "containerStatuses": worker(waiting, ended(0, "Completed"))}
    assert pod_failure(pod(status), log_tail="") is None


def test_a_nul_in_a_message_reaches_no_database() -> None:
    failure = pod_failure(failed(1, "Error", "ValueError: a\0b\n"), log_tail="")
    assert failure is not None
    assert "\0" not in failure.cause


# --- obstacles -----------------------------------------------------------------------------------------------------


def unplaced(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return pod({"phase": "Pending", "conditions": [condition]})


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    return pod(
        {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True"}],
            "containerStatuses": worker(state),
        }
    )


IMAGE = "kafka-ml/model_training_tensorflow:0.1.0"
OBSTACLES = [
    (
        unplaced(
            "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia.com/gpu. no new claims to"
            " deallocate, preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
        ),
        "no node of the cluster takes the pod: 0/2 nodes are available: 1 Insufficient memory, 2 Insufficient nvidia",
        "free nvidia.com/gpu: ask for fewer GPUs",
    ),
    (
        unplaced("0/2 nodes are available: 2 Insufficient memory. preemption: 0/2 nodes are available."),
        "2 Insufficient memory",
        "lower KML_KUBERNETES_MEMORY_REQUEST",
    ),
    (unplaced("0/2 nodes are available: 2 Insufficient cpu."), "cpu", "lower KML_KUBERNETES_CPU_REQUEST"),
    (unplaced("0/2 nodes are available: 2 Insufficient ephemeral-storage."), "storage", "disk space"),
    (unplaced("0/2 nodes are available: 2 Too many pods."), "Too many pods", "stop other work"),
    (
        unplaced("0/2 nodes are available: 2 node(s) had untolerated taint(s) {nvidia.com/gpu: present}."),
        "untolerated taint",
        "KML_KUBERNETES_TOLERATIONS",
    ),
    (
        unplaced("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."),
        "didn't match",
        "KML_KUBERNETES_NODE_SELECTOR",
    ),
    (unplaced("0/2 nodes are available: 2 node(s) were unschedulable."), "were unschedulable", "kubectl uncordon"),
    (unplaced("no nodes available to schedule pods"), "no nodes available", "kubectl get nodes"),
    (unplaced("0/1 nodes are available: 1 something of a plugin."), "of a plugin", "kubectl describe nodes"),
    (unplaced("", "SchedulingGated"), "scheduling gate", "Kueue"),
    (unplaced("nodeinfo not found for node name node2", "SchedulerError"), "nodeinfo not found", "tried again"),
    (
        waiting(
            "ErrImagePull",
            'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/kafka-ml/x:0.1.0": failed to'
            ' resolve reference "docker.io/kafka-ml/x:0.1.0": docker.io/kafka-ml/x:0.1.0: not found',
        ),
        f"the image {IMAGE} cannot be pulled: rpc error: code = NotFound",
        "Build_Kafka_ML.sh --rebuild",
    ),
    (
        waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}": ErrImagePull: not found'),
        "Back-off pulling image",
        "--registry HOST:PORT",
    ),
    (
        waiting("ErrImageNeverPull", f'Container image "{IMAGE}" is not present with pull policy of Never'),
        "is not present with pull policy of Never",
        "Build_Kafka_ML.sh",
    ),
    (
        waiting("InvalidImageName", 'Failed to apply default image tag "a b": couldn\'t parse image name "a b"'),
        "couldn't parse image name",
        "KML_KUBERNETES_IMAGE makes an invalid image name",
    ),
    (
        waiting("ErrImagePull", "pull access denied, repository does not exist or may require authorization"),
        "pull access denied",
        "KML_KUBERNETES_IMAGE_PULL_SECRETS",
    ),
    (
        waiting(
            "ErrImagePull",
            'failed to do request: Head "https://r:5000/v2/x": http: server gave HTTP response to HTTPS client',
        ),
        "HTTP response to HTTPS",
        "cannot reach the registry",
    ),
    (
        waiting("ErrImagePull", "dial tcp: lookup registry.example: no such host"),
        "no such host",
        "cannot reach the registry",
    ),
    (waiting("SignatureValidationFailed", "no signature"), "no signature", "not signed"),
    (
        waiting("CreateContainerConfigError", 'secret "kafka-credentials" not found'),
        'cannot be made: secret "kafka-credentials" not found',
        "KML_KUBERNETES_KAFKA_SECRET",
    ),
    (
        waiting(
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root (pod: x, container: worker)",
        ),
        "image will run as root",
        "run as user 10001",
    ),
    (
        waiting(
            "CreateContainerError", 'failed to create containerd container: get apparmor_parser version: exec: "x"'
        ),
        "failed to create containerd container",
        "kubectl describe pod",
    ),
    (
        waiting("RunContainerError", 'unable to start container process: exec: "python": executable file not found'),
        "executable file not found",
        "not one of Kafka-ML's workers",
    ),
]


@pytest.mark.parametrize(("waiting_pod", "cause", "hint"), OBSTACLES)
def test_obstacles(waiting_pod: dict[str, Any], cause: str, hint: str) -> None:
    obstacle = pod_obstacle(waiting_pod)
    assert obstacle is not None
    assert cause in obstacle.cause
    # The scheduler's message about preemption only repeats its numbers.
    assert "preemption" not in obstacle.cause
    assert "claims" not in obstacle.cause
    assert hint in obstacle.hint
    assert obstacle.category is CONFIGURATION
    assert pod_failure(waiting_pod, log_tail="") is None


SET_UPS = [
    (
        event("FailedMount", 'MountVolume.SetUp failed for volume "kafka" : secret "kafka-credentials" not found'),
        'secret "kafka-credentials" not found',
        "KML_KUBERNETES_KAFKA_SECRET",
    ),
    (
        event(
            "FailedMount", 'MountVolume.SetUp failed for volume "token" : secret "kml-train-7-a1" not found', count=3
        ),
        'secret "kml-train-7-a1" not found',
        "the controller makes it again",
    ),
    (
        event(
            "FailedCreatePodSandBox",
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime"
            ' for "gvisor" is configured',
        ),
        'no runtime for "gvisor" is configured',
        "KML_KUBERNETES_RUNTIME_CLASS",
    ),
    (
        event(
            "FailedCreatePodSandBox", "Failed to create pod sandbox: plugin type=bridge failed (add): network is down"
        ),
        "network is down",
        "network plugin",
    ),
    (event("FailedAttachVolume", "AttachVolume.Attach failed"), "AttachVolume.Attach failed", "kubectl describe pod"),
]


@pytest.mark.parametrize(("warning", "cause", "hint"), SET_UPS)
def test_obstacles_that_only_events_tell(warning: dict[str, Any], cause: str, hint: str) -> None:
    obstacle = pod_obstacle(waiting("ContainerCreating"), [warning])
    assert obstacle is not None
    assert cause in obstacle.cause
    assert hint in obstacle.hint


@pytest.mark.parametrize(
    "events",
    [
        [],
        [event("Pulling", f'Pulling image "{IMAGE}"', kind="Normal")],
        # The Secret is made right after the pod's owner, so it may be missing once or twice.
        [
            event(
                "FailedMount",
                'MountVolume.SetUp failed for volume "token" : secret "kml-train-7-a1" not found',
                count=2,
            )
        ],
        # Events of an earlier pod with this name do not count.
        [{**event("FailedMount", "no"), "involvedObject": {"name": NAME, "uid": "another"}}],
        [{**event("FailedMount", "no"), "involvedObject": {"name": "another", "uid": UID}}],
    ],
)
def test_a_pod_that_is_being_set_up_has_no_obstacle(events: list[dict[str, Any]]) -> None:
    assert pod_obstacle(waiting("ContainerCreating"), events) is None


def test_an_image_that_is_pulled_again_and_again_is_reported_with_the_reason_that_only_its_event_has() -> None:
    obstacle = pod_obstacle(
        waiting("ImagePullBackOff"),
        [event("Failed", "Failed to pull image: 401 Unauthorized", seen="2026-11-21T20:00:01Z")],
    )
    assert obstacle is not None
    assert "401 Unauthorized" in obstacle.cause
    assert "KML_KUBERNETES_IMAGE_PULL_SECRETS" in obstacle.hint


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Running", "containerStatuses": worker({"running": {}})},
        {"phase": "Failed", "reason": "Evicted"},
        {"phase": "Succeeded"},
        {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]},
        {},
    ],
)
def test_pods_without_an_obstacle(status: dict[str, Any]) -> None:
    assert pod_obstacle(pod(status)) is None


# --- pods that are not even made -----------------------------------------------------------------------------------


def job(status: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"kueue.x-k8s.io/queue-name": "team-a"} if spec.get("suspend") else {}
    return {"metadata": {"name": NAME, "uid": UID, "labels": labels}, "spec": spec, "status": status}


def stateful_set(replicas: int, made: int) -> dict[str, Any]:
    return {"metadata": {"name": NAME, "uid": UID}, "spec": {"replicas": replicas}, "status": {"replicas": made}}


FORBIDDEN = f'Error creating: pods "{NAME}" is forbidden: '
REFUSALS = [
    (
        FORBIDDEN + "exceeded quota: compute, requested: limits.memory=5Gi, used: limits.memory=8Gi, limited:"
        " limits.memory=10Gi",
        "ResourceQuota",
    ),
    (FORBIDDEN + "failed quota: compute: must specify limits.cpu for: worker", "ResourceQuota"),
    (FORBIDDEN + "maximum memory usage per Container is 2Gi, but limit is 5Gi", "LimitRange"),
    (FORBIDDEN + 'violates PodSecurity "restricted:latest": runAsNonRoot != true', "admission webhooks"),
    (FORBIDDEN + "no PriorityClass with name batch was found", "KML_KUBERNETES_PRIORITY_CLASS"),
    (FORBIDDEN + 'pod rejected: RuntimeClass "nvidia" not found', "KML_KUBERNETES_RUNTIME_CLASS"),
    (
        FORBIDDEN + 'error looking up service account kafka-ml-jobs/default: serviceaccount "default" not found',
        "tried again",
    ),
    (FORBIDDEN + "unable to create new content in namespace kafka-ml-jobs because it is being terminated", "removed"),
    ('Error creating: Internal error occurred: failed calling webhook "mpod.kb.io": no endpoints', "webhook"),
    ("Error creating: etcdserver: request timed out", "kubectl get events"),
]


@pytest.mark.parametrize(("message", "hint"), REFUSALS)
def test_refused_pods(message: str, hint: str) -> None:
    for obstacle in (
        job_obstacle(job({}), [event("FailedCreate", message)]),
        set_obstacle(stateful_set(2, 1), [event("FailedCreate", f"create Pod in StatefulSet failed error: {message}")]),
    ):
        assert obstacle is not None
        assert message in obstacle.cause
        assert hint in obstacle.hint
        assert obstacle.category is CONFIGURATION


def test_a_training_in_a_queue_says_which() -> None:
    obstacle = job_obstacle(job({"conditions": [{"type": "Suspended", "status": "True"}]}, suspend=True), [])
    assert obstacle is not None
    assert obstacle.cause == "the training waits for its turn in Kueue's queue team-a"
    assert "kubectl get workloads" in obstacle.hint


def test_a_refusal_that_is_over_is_not_an_obstacle() -> None:
    refused = event("FailedCreate", FORBIDDEN + "exceeded quota", seen="2026-11-21T20:00:01Z")
    # Newer clients write fractions of a second, so this event is later within the same second.
    made = event("SuccessfulCreate", f"Created pod: {NAME}", kind="Normal")
    made |= {"lastTimestamp": None, "eventTime": "2026-11-21T20:00:01.250000Z"}
    assert job_obstacle(job({}), [made, refused]) is None
    assert job_obstacle(job({"active": 1}), [refused]) is None
    assert set_obstacle(stateful_set(2, 2), [refused]) is None
    assert set_obstacle(stateful_set(2, 1), []) is None


def test_a_refusal_that_came_again_is_an_obstacle() -> None:
    made = event("SuccessfulCreate", "Created pod", kind="Normal", seen="2026-11-21T20:00:01Z")
    refused = event("FailedCreate", FORBIDDEN + "exceeded quota", seen="2026-11-21T19:00:00Z")
    again = {**refused, "series": {"count": 7, "lastObservedTime": "2026-11-21T20:00:02.000000Z"}}
    assert job_obstacle(job({}), [again, made]) is not None

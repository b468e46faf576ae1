"""Build_Kafka_ML.sh as its user meets it: the calls in order, and the messages when something is wrong."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from kafkaml.wire.framework import Framework
from tests.build_script.conftest import ROOT, Script
from tests.executors import EXECUTORS

COMPONENTS = (
    "backend",
    "frontend",
    *EXECUTORS,
    "kafka_control_logger",
    *(f"model_training_{framework}" for framework in Framework),
    *(f"model_inference_{framework}" for framework in Framework),
)


def _targets(calls: list[str]) -> list[str]:
    return [match[1] for call in calls if (match := re.search(r" build .*--target (\S+)", call))]


# --- Installing


def test_installing_builds_loads_applies_waits_and_prints_the_link(script: Script) -> None:
    run = script("--install")
    assert run.status == 0, run.text
    kinds = [
        next(
            kind
            for kind in ("build", "load", "apply", "rollout status", "wait", "exec", "read")
            if f" {kind} " in f"{call} " or kind == "read"
        )
        for call in run.calls
    ]
    steps = [kind for kind in kinds if kind != "read"]
    images = 2 * len(COMPONENTS)
    assert steps[:images] == ["build", "load"] * len(COMPONENTS)
    assert steps[images : images + 2] == ["apply", "wait"]
    assert set(steps[images + 2 : -1]) == {"rollout status"}
    assert steps[-1] == "exec"
    assert _targets(list(run.calls)) == list(COMPONENTS)
    assert run.called("kind load")[0] == "kind load docker-image kafka-ml/backend:0.1.0 --name test"
    assert "http://localhost:8080/login/once" in run.text
    assert "port-forward service/frontend 8080:80" in run.text
    assert f"[{len(COMPONENTS)}/{len(COMPONENTS)}] {COMPONENTS[-1]}" in run.text


def test_the_cluster_is_asked_before_anything_is_built(script: Script) -> None:
    run = script("--install")
    first_build = next(index for index, call in enumerate(run.calls) if call.startswith("docker build"))
    asked = run.calls[:first_build]
    assert any("version -o json" in call for call in asked)
    assert any("auth can-i" in call for call in asked)
    assert any("get storageclasses" in call for call in asked)
    assert not any("apply" in call for call in asked)


def test_a_registry_is_in_every_tag_and_pods_name_what_was_pushed(script: Script) -> None:
    run = script("--install", "--registry", "192.168.1.10:5000", "--tag", "1.2")
    assert run.status == 0, run.text
    assert [call.split()[-1] for call in run.called("docker push")] == [
        f"192.168.1.10:5000/kafka-ml/{component}:1.2" for component in COMPONENTS
    ]
    assert run.called("kind") == []
    images = _images(script)
    ours = {image for image in images if "kafka-ml/" in image}
    assert ours
    assert all(re.fullmatch(r"192\.168\.1\.10:5000/kafka-ml/\w+@sha256:[0-9a-f]{64}", image) for image in ours)
    assert _platform_settings(script)["KML_KUBERNETES_IMAGE"] == "192.168.1.10:5000/kafka-ml/{component}:1.2"
    assert _platform_settings(script)["KML_KUBERNETES_IMAGE_PULL_POLICY"] == "Always"


def test_without_a_registry_workers_take_images_that_are_on_the_nodes(script: Script) -> None:
    script("--install")
    assert {image for image in _images(script) if "kafka-ml/" in image} == {
        f"kafka-ml/{component}:0.1.0" for component in COMPONENTS if not component.startswith("model_")
    }
    assert _platform_settings(script)["KML_KUBERNETES_IMAGE"] == "kafka-ml/{component}:0.1.0"
    assert _platform_settings(script)["KML_KUBERNETES_IMAGE_PULL_POLICY"] == "IfNotPresent"


def test_installing_twice_changes_nothing_and_deletes_nothing(script: Script) -> None:
    first = script("--install")
    manifests = script.applied
    second = script("--install")
    assert (first.status, second.status) == (0, 0)
    assert second.changes() == first.changes()
    assert script.applied == manifests
    assert not any(" delete " in call for call in second.calls)


def test_only_pods_whose_image_changed_start_again(installed: Script) -> None:
    before = _annotations(installed)
    installed("--rebuild", "frontend", FAKE_SOURCE="edited")
    installed("--install", "--no-build")
    after = _annotations(installed)
    assert {name for name in after if after[name] != before[name]} == {"frontend"}


def test_an_earlier_job_goes_when_it_differs_and_stays_when_not(script: Script) -> None:
    assert not any("delete job" in call for call in script("--install", "--no-build", FAKE_OLD_JOB="0").calls)
    assert [call for call in script("--install", "--no-build", FAKE_OLD_JOB="1").calls if "delete job" in call] == [
        "kubectl --namespace kafka-ml delete job make-secrets --ignore-not-found --timeout=60s"
    ]


def test_the_namespace_reaches_every_object(script: Script) -> None:
    run = script("--install", "--no-build", "--namespace", "vision")
    assert run.status == 0, run.text
    assert {manifest["metadata"]["name"] for manifest in script.applied if manifest["kind"] == "Namespace"} == {
        "vision",
        "vision-jobs",
    }
    assert {
        manifest["metadata"].get("namespace", "vision")
        for manifest in script.applied
        if manifest["kind"] != "Namespace"
    } <= {
        "vision",
        "vision-jobs",
    }
    bindings = [manifest for manifest in script.applied if manifest["kind"] == "RoleBinding"]
    assert {binding["metadata"]["namespace"] for binding in bindings} == {"vision", "vision-jobs"}
    assert {subject["namespace"] for binding in bindings for subject in binding["subjects"]} == {"vision"}
    assert not any("--namespace kafka-ml" in call for call in run.calls)


def test_gpu_builds_for_gpus_and_takes_that_overlay(script: Script) -> None:
    run = script("--install", "--gpu", "--registry", "r:5000")
    assert run.status == 0, run.text
    assert all("--build-arg ACCELERATOR=gpu" in call for call in run.called("docker build"))
    assert "overlay gpu" in run.text
    # GPU images have a tag of their own, so that both kinds can be on one node.
    assert run.called("docker push")[0] == "docker push r:5000/kafka-ml/backend:0.1.0-gpu"


def test_an_overlay_and_components_of_choice(script: Script) -> None:
    mine = script.folder / "k8s/mine"
    mine.mkdir()
    (mine / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\n"
        "kind: Kustomization\n"
        "resources: [../overlays/local]\n"
        "patches:\n"
        "- target: {kind: ConfigMap, name: platform}\n"
        '  patch: \'[{"op": "add", "path": "/data/KML_LOG_LEVEL", "value": "DEBUG"}]\'\n'
    )
    assert script("--install", "--no-build", "--overlay", str(mine), "--with", "nodeport").status == 0
    assert _platform_settings(script)["KML_LOG_LEVEL"] == "DEBUG"
    frontend = next(
        manifest
        for manifest in script.applied
        if manifest["kind"] == "Service" and manifest["metadata"]["name"] == "frontend"
    )
    assert frontend["spec"]["type"] == "NodePort"
    refused = script("--install", "--overlay", "nothing")
    assert refused.status == 2
    assert "external-kafka gpu local" in refused.text


def test_a_node_port_is_reported(script: Script) -> None:
    assert "http://192.168.1.10:30080" in script("--install", "--no-build", FAKE_SERVICE="NodePort 30080 ").text


# --- Dry run


def test_a_dry_run_asks_and_changes_nothing(script: Script) -> None:
    run = script("--install", "--dry-run", "--registry", "r:5000")
    assert run.status == 0, run.text
    assert {" ".join(call.split()[:2]) for call in run.calls} == {"kubectl kustomize"}
    assert "kind: Deployment" in (script.folder / "build/kubernetes-dry-run/kafka-ml/manifests.yaml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--install", "--local-build", "--load", "kind:test"),
        ("--install", "--local-build", "--load", "load-it {archive} {image}", "--engine", "buildah"),
        ("--uninstall", "--yes"),
    ],
)
def test_a_dry_run_prints_what_a_run_does(script: Script, arguments: tuple[str, ...]) -> None:
    if arguments[0] == "--uninstall":
        script("--install")
    planned = script(*arguments, "--dry-run").text.replace("kubernetes-dry-run", "kubernetes")
    shell = script.folder.parent / "programs/load-it"
    shell.symlink_to(ROOT / "tests/build_script/programs.sh")
    done = script(*arguments, FAKE_ENGINES="docker buildah")
    assert done.status == 0, done.text
    assert done.changes()
    for call in done.changes():
        assert call in planned


# --- Engines and how images get to nodes


@pytest.mark.parametrize(
    ("working", "chosen"), [("docker podman", "docker"), ("podman buildah", "podman"), ("buildah", "buildah")]
)
def test_the_first_engine_that_works_is_taken(script: Script, working: str, chosen: str) -> None:
    run = script("--install", FAKE_ENGINES=working)
    assert run.status == 0, run.text
    assert {call.split()[0] for call in run.calls if " build " in call} == {chosen}


def test_images_of_podman_are_named_as_nodes_look_for_them(script: Script) -> None:
    run = script("--install", "--engine", "podman", FAKE_ENGINES="podman")
    assert "--tag docker.io/kafka-ml/backend:0.1.0" in run.called("podman build")[0]
    assert run.called("podman save")[0].endswith("docker.io/kafka-ml/backend:0.1.0")
    assert run.called("kind load")[0] == "kind load image-archive build/kubernetes/kafka-ml/image.tar --name test"


def test_podman_and_buildah_write_down_what_they_pushed(script: Script) -> None:
    run = script("--install", "--registry", "r:5000", FAKE_ENGINES="buildah")
    assert run.status == 0, run.text
    assert "buildah build --target backend --tag r:5000/kafka-ml/backend:0.1.0" in run.called("buildah build")[0]
    assert all("@sha256:" in image for image in _images(script) if "kafka-ml/" in image)


def test_minikube_and_k3d_are_known_by_their_context(script: Script) -> None:
    assert script("--install", FAKE_CONTEXT="minikube").called("minikube")[0] == (
        "minikube --profile minikube image load kafka-ml/backend:0.1.0"
    )
    assert script("--install", FAKE_CONTEXT="k3d-lab").called("k3d")[0] == (
        "k3d image import kafka-ml/backend:0.1.0 --cluster lab"
    )


def test_a_cluster_that_does_not_tell_needs_an_answer(script: Script) -> None:
    run = script("--install", FAKE_CONTEXT="production")
    assert run.status == 1
    assert "--registry HOST:PORT" in run.text
    assert run.changes() == []


def test_options_for_the_engine_are_handed_on(script: Script) -> None:
    options = {"BUILD_OPTIONS": "--network host -v /ca:/ca:ro", "PUSH_OPTIONS": "--tls-verify=false"}
    run = script("--install", "--registry", "r:5000", **options)
    assert "--network host -v /ca:/ca:ro" in run.called("docker build")[0]
    assert run.called("docker push")[0] == "docker push --tls-verify=false r:5000/kafka-ml/backend:0.1.0"


def test_no_engine_is_reported(script: Script) -> None:
    run = script("--install", FAKE_ENGINES="")
    assert run.status == 1
    assert "no container engine works here" in run.text
    assert "Cannot connect to docker" in run.text
    assert "--engine names one" in run.text


# --- What goes wrong


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"FAKE_UNREACHABLE": "yes"}, ("the cluster does not answer", "10.0.0.1:6443 was refused", "--context")),
        ({"FAKE_MINOR": "27"}, ("Kubernetes 1.27 is too old", "upgrade the cluster to 1.28")),
        ({"FAKE_DEFAULT_CLASS": ""}, ("no storage class is the default", "is-default-class=true")),
        ({"FAKE_FORBIDDEN": "namespace"}, ("you may not create namespace", "administrator")),
        (
            {"FAKE_FORBIDDEN": "role.rbac.authorization.k8s.io"},
            ("you may not create role.rbac.authorization.k8s.io in kafka-ml-jobs",),
        ),
    ],
)
def test_a_cluster_that_is_not_ready_is_left_alone(
    script: Script, environment: dict[str, str], words: tuple[str, ...]
) -> None:
    run = script("--install", **environment)
    assert run.status == 1
    for word in words:
        assert word in run.text
    assert run.changes() == []


def test_all_that_is_wrong_is_reported_at_once(script: Script) -> None:
    run = script("--install", FAKE_MINOR="20", FAKE_DEFAULT_CLASS="")
    assert "too old" in run.text
    assert "storage class" in run.text


def test_a_namespace_of_others_is_not_taken(script: Script) -> None:
    (script.state / "namespaces").mkdir()
    (script.state / "namespaces/kafka-ml").write_text("Active ")
    run = script("--install")
    assert run.status == 1
    assert "namespace kafka-ml exists and does not belong to Kafka-ML" in run.text
    assert run.changes() == []


def test_a_failed_build_says_what_why_and_what_to_do(script: Script) -> None:
    run = script("--install", FAKE_BROKEN_BUILD="tfexecutor")
    assert run.status == 1
    assert "failed: building tfexecutor" in run.text
    assert "no matching distribution for numpy" in run.text
    assert "the cluster was not touched" in run.text
    assert "build/kubernetes/kafka-ml/logs/build-tfexecutor.log" in run.text
    assert not any("apply" in call for call in run.calls)


def test_a_registry_that_refuses_is_reported(script: Script) -> None:
    run = script("--install", "--registry", "r:5000", FAKE_BROKEN_REGISTRY="yes")
    assert run.status == 1
    assert "pushing backend to r:5000" in run.text
    assert "connection refused" in run.text


def test_refused_manifests_are_reported(script: Script) -> None:
    run = script("--install", "--no-build", FAKE_REFUSED="unknown field")
    assert run.status == 1
    assert "error validating data: unknown field" in run.text


def test_pods_without_their_image_are_not_waited_for(script: Script) -> None:
    run = script(
        "--install",
        "--no-build",
        FAKE_NOT_READY="deployment/frontend",
        FAKE_PODS="frontend-1 Pending nginx=ImagePullBackOff",
        FAKE_EVENTS="frontend-1 Failed to pull image",
    )
    assert run.status == 1
    assert "deployment/frontend does not become ready" in run.text
    assert "frontend-1 Failed to pull image" in run.text
    assert "hint: the nodes do not have the images" in run.text


def test_time_that_is_up_is_reported_with_the_last_words(script: Script) -> None:
    run = script(
        "--install",
        "--no-build",
        "--timeout",
        "1",
        FAKE_NOT_READY="deployment/backend",
        FAKE_PODS="backend-1 Running controller=CrashLoopBackOff",
    )
    assert run.status == 1
    assert "last lines of the log of backend-1, container controller" in run.text
    assert "KeyError: KML_SECRET" in run.text
    assert "--timeout 2" in run.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rebuild", "backnd"), f"--rebuild backnd: expected one of: {' '.join(COMPONENTS)} and all"),
        (("--install", "--registry", "r:5000", "--local-build"), "give one of them"),
        (("--install", "--namespace", "Big_One"), "lower-case letters"),
        (("--install", "--namespace", "n" * 59), "at most 58 lower-case letters"),
        (("--install", "--engine", "lxc"), "expected docker, podman or buildah"),
        (("--install", "--uninstall"), "expected one action"),
        (("--install", "--registry"), "--registry needs a value"),
        (("--install", "--with", "magic"), "--with magic is not one of"),
        (("--instal",), "--instal is not known"),
    ],
)
def test_wrong_options_are_refused(script: Script, arguments: tuple[str, ...], words: str) -> None:
    run = script(*arguments)
    assert run.status == 2
    assert words in run.text
    assert run.changes() == []


# --- Rebuilding


def test_rebuilding_takes_what_was_installed_with(script: Script) -> None:
    script("--install", "--no-build", "--registry", "r:5000", "--tag", "7", "--gpu")
    run = script("--rebuild", "backend")
    assert run.status == 0, run.text
    assert _targets(list(run.calls)) == ["backend"]
    assert "--tag r:5000/kafka-ml/backend:7" in run.called("docker build")[0]
    assert "--build-arg ACCELERATOR=gpu" in run.called("docker build")[0]
    assert run.called("docker push") == ["docker push r:5000/kafka-ml/backend:7"]
    (given,) = run.called("kubectl --namespace kafka-ml patch")
    assert re.findall(r'"name":"([\w-]+)","image":"r:5000/kafka-ml/backend@sha256:', given) == [
        "set-up",
        "web",
        "controller",
    ]
    assert not any(" apply " in call for call in run.calls)


def test_rebuilding_without_a_registry_restarts_the_pods(script: Script) -> None:
    (script.folder.parent / "programs/bring").symlink_to(ROOT / "tests/build_script/programs.sh")
    assert script("--install", "--no-build", "--local-build", "--load", "bring {image}").status == 0
    run = script("--rebuild", "kafka_control_logger")
    assert run.status == 0, run.text
    assert run.called("bring") == ["bring kafka-ml/kafka_control_logger:0.1.0"]
    (given,) = run.called("kubectl --namespace kafka-ml patch")
    assert "deployment/kafka-control-logger" in given
    assert "restartedAt" in given


def test_rebuilt_images_of_models_are_taken_by_new_ones(installed: Script) -> None:
    run = installed("--rebuild", "model_training_pytorch,model_inference_pytorch")
    assert run.status == 0, run.text
    assert _targets(list(run.calls)) == ["model_training_pytorch", "model_inference_pytorch"]
    assert "New training runs and inferences use the new images" in run.text
    assert not any(" patch " in call for call in run.calls)


def test_all_is_every_component(installed: Script) -> None:
    assert _targets(list(installed("--rebuild", "all").calls)) == list(COMPONENTS)


def test_images_of_two_places_are_not_mixed(script: Script) -> None:
    script("--install", "--no-build", "--registry", "r:5000")
    run = script("--rebuild", "backend", "--local-build")
    assert run.status == 1
    assert "takes its images from r:5000/kafka-ml/{component}:0.1.0" in run.text
    assert run.changes() == []


def test_rebuilding_needs_an_installation(script: Script) -> None:
    run = script("--rebuild", "backend")
    assert run.status == 1
    assert "Kafka-ML is not installed in namespace kafka-ml" in run.text


# --- Uninstalling


@pytest.mark.parametrize("answer", ["", "n\n", "\n"])
def test_uninstalling_asks(installed: Script, answer: str) -> None:
    run = installed("--uninstall", stdin=answer)
    assert run.status == 1
    assert "nothing was removed" in run.text
    assert run.changes() == []


def test_uninstalling_stops_the_controller_then_models_then_the_platform(installed: Script) -> None:
    run = installed("--uninstall", stdin="y\n")
    assert run.status == 0, run.text
    assert run.changes() == [
        "kubectl --namespace kafka-ml scale deployment/backend --replicas=0",
        "kubectl delete namespace kafka-ml-jobs --ignore-not-found --wait=false",
        "kubectl delete namespace kafka-ml --ignore-not-found --wait=false",
    ]
    assert installed("--uninstall", "--yes").status == 0


def test_data_are_kept_when_asked(installed: Script) -> None:
    run = installed("--uninstall", "--keep-data", "--yes")
    assert run.status == 0, run.text
    deletions = [call for call in run.calls if " delete " in call]
    assert deletions[0] == "kubectl delete namespace kafka-ml-jobs --ignore-not-found --wait=false"
    assert len(deletions) == 2
    assert "--selector app.kubernetes.io/part-of=kafka-ml" in deletions[1]
    assert "persistentvolumeclaims" not in deletions[1]
    assert "secrets" not in deletions[1]


def test_a_namespace_of_others_is_not_removed(script: Script) -> None:
    (script.state / "namespaces").mkdir()
    (script.state / "namespaces/default").write_text("Active ")
    run = script("--uninstall", "--namespace", "default", "--yes")
    assert run.status == 1
    assert "namespace default does not belong to Kafka-ML" in run.text
    assert run.changes() == []


def test_what_is_left_is_reported(installed: Script) -> None:
    run = installed("--uninstall", "--yes", FAKE_VOLUME="kafka-ml pv-7 Retain Released")
    assert run.status == 1
    assert "persistentvolume/pv-7 Retain Released" in run.text
    installed("--install", "--no-build")
    stuck = installed("--uninstall", "--yes", "--timeout", "1", FAKE_STUCK="yes")
    assert stuck.status == 1
    assert "namespace kafka-ml-jobs is not gone after 1 s" in stuck.text
    assert "content remains: pods 1" in stuck.text


# --- The menu


def test_the_menu_lists_a_fresh_install_and_every_component(script: Script) -> None:
    run = script(stdin="q\n")
    assert run.status == 0
    assert re.findall(r"^ *(\w+)\) ", run.text, re.MULTILINE) == [*map(str, range(len(COMPONENTS) + 1)), "s"]
    for number, component in enumerate(COMPONENTS, 1):
        assert f"{number}) Rebuild {component}:" in run.text
    assert run.changes() == []


def test_the_menu_installs_and_rebuilds(script: Script) -> None:
    run = script(stdin="0\nr:5000\n3\nq\n")
    assert run.status == 0, run.text
    assert _targets(list(run.calls)) == [*COMPONENTS, "tfexecutor"]
    assert "r:5000/kafka-ml/tfexecutor:0.1.0" in run.called("docker push")[-1]


def test_the_menu_outlives_what_fails(script: Script) -> None:
    run = script(stdin="99\n0\n\nq\n", FAKE_BROKEN_BUILD="backend")
    assert run.status == 0
    assert "there is no 99" in run.text
    assert "failed: building backend" in run.text
    assert run.text.count("0) Fresh install") == 3


# --- The script itself


def test_help_names_every_option(script: Script) -> None:
    source = (ROOT / "Build_Kafka_ML.sh").read_text()
    accepted = set(re.findall(r"^    (--[a-z-]+)\)", source, re.MULTILINE))
    accepted |= set(re.findall(r"^    (--[a-z-]+) \| -h\)", source, re.MULTILINE))
    reported = set(re.findall(r"^  (--[a-z-]+)", script("--help").text, re.MULTILINE))
    assert reported == accepted
    assert len(reported) > 20


def test_shellcheck_finds_nothing() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    paths = ["Build_Kafka_ML.sh", *(str(path) for path in (ROOT / "scripts/kubernetes").glob("*.sh"))]
    done = subprocess.run(["shellcheck", "-x", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def _images(script: Script) -> set[str]:
    found = set()
    for manifest in script.applied:
        pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
        found |= {container["image"] for container in [*pod.get("containers", []), *pod.get("initContainers", [])]}
    return found


def _platform_settings(script: Script) -> dict[str, str]:
    (settings,) = [
        manifest["data"]
        for manifest in script.applied
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"].startswith("platform-")
    ]
    return dict(settings)


def _annotations(script: Script) -> dict[str, str]:
    return {
        manifest["metadata"]["name"]: manifest["spec"]["template"]["metadata"]
        .get("annotations", {})
        .get("kafka-ml/image", "")
        for manifest in script.applied
        if manifest["kind"] == "Deployment"
    }


def test_windows_hands_over_to_this_script() -> None:
    batch = (ROOT / "Build_Kafka_ML.bat").read_bytes()
    assert batch.count(b"\n") == batch.count(b"\r\n"), "cmd.exe loses labels in files without carriage returns"
    text = batch.decode()
    handed_over = re.findall(r"(?m)^(.*) \./Build_Kafka_ML\.sh %\*\r$", text)
    assert handed_over == ['"%GIT_BASH%"', "wsl.exe --exec bash"]
    labels = re.findall(r"(?m)^:(\w+)", text)
    assert len(labels) == len(set(labels)), "cmd.exe goes to the first of a name"
    assert set(re.findall(r"goto :(\w+)", text)) == set(labels)

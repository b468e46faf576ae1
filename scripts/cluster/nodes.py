"""NodeCluster: a whole Kubernetes on this machine. Each node has a network, processes and mounts of its own.

Each node is a network, a process and a mount namespace with containerd, kubelet and kube-proxy. The control plane runs
in the first node. Clusters are distinguished by the folder of their state and do not see each other. Nothing leaves the
machine: nodes have no default route. Mounts of a node are visible in that node only, and its processes end with its
first one, so taking a cluster down leaves nothing behind. Needs root. Run by ``up`` and ``down``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

import orjson
import psutil

from kafkaml.errors import BrokenError, KafkaMLError, RefusedError
from scripts.cluster.certificates import Authority, KeyPair
from scripts.cluster.control_plane import ControlPlane, Endpoints
from scripts.cluster.programs import Programs

_HERE = Path(__file__).resolve().parent
# Parent of one folder per running cluster, named by the number that the cluster's addresses are made of.
_RUN = Path("/run/kafka-ml-cluster")
# A list of the folders that were made on this machine as mount points for nodes.
_MOUNT_POINTS = _RUN / "mount-points"
_CGROUPS = Path("/sys/fs/cgroup")
_MAX_CLUSTERS = 16
_MAX_NODES = 9
_CNI_FOLDERS = ("/usr/lib/cni", "/usr/libexec/cni", "/opt/cni/bin")
# A node's programs write to these folders whatever their settings, so each node has folders of its own mounted here.
_PRIVATE = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers")
# Where the controller manager makes volumes, which the nodes of one cluster share.
_VOLUMES = "/tmp/hostpath_pv"
_START_SECONDS = 120
_DOWN_SECONDS = 30


@dataclass(frozen=True)
class _Node:
    """A node by its number, from 1, in cluster ``cluster``."""

    cluster: int
    number: int
    folder: Path

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def link(self) -> str:
        """Name of its cable's end on the host."""
        return f"kml{self.cluster}-{self.name}"

    @property
    def address(self) -> str:
        return f"10.240.{self.cluster}.{10 + self.number}"

    @property
    def pods(self) -> str:
        return f"10.{224 + self.cluster}.{self.number}.0/24"

    @property
    def run(self) -> Path:
        return _RUN / str(self.cluster) / self.name

    @property
    def socket(self) -> Path:
        return self.run.with_suffix(".sock")

    @property
    def cgroup(self) -> str:
        return f"kafka-ml-{self.cluster}/{self.name}"


class NodeCluster:
    """The cluster whose state is in ``state``. All methods may be called repeatedly."""

    def __init__(self, state: Path, *, binaries: Path) -> None:
        self.state = state.resolve()
        self._binaries = binaries
        self._programs = Programs(self.state, lasting=True)

    # --- up --------------------------------------------------------------------------------------------------------

    def up(self, count: int) -> None:
        """Start a cluster of ``count`` nodes and return when they are ready, with names and a default storage class."""
        if not 1 <= count <= _MAX_NODES:
            raise RefusedError(f"{count} nodes are not possible: 1 to {_MAX_NODES} are")
        cluster = self._claim()
        nodes = [_Node(cluster, number, self.state / "nodes" / f"node{number}") for number in range(1, count + 1)]
        _say(f"Network of {count} node(s)")
        for node in nodes:
            self._start_node(node)
        self._make_network(cluster, nodes)
        _say("Control plane")
        control_plane = self._control_plane(nodes[0])
        control_plane.start(host_path_volumes=True)
        self._open_volumes(nodes[0])
        proxy = control_plane.authority.issue("kube-proxy", subject="/CN=system:kube-proxy")
        control_plane.write_kubeconfig(self.state / "kube-proxy.conf", proxy)
        for node in nodes:
            _say(f"Containers and kubelet of {node.name}")
            self._start_kubelet(node, control_plane)
        for node in nodes:
            self._await_node(node)
        _say("Names inside the cluster, and storage")
        self._install_system(control_plane.endpoints)

    def _claim(self) -> int:
        """Return this cluster's number, the same every time."""
        for number in range(_MAX_CLUSTERS):
            claim = _RUN / str(number)
            with suppress(FileExistsError):
                claim.mkdir(parents=True)
                (claim / "state").write_text(str(self.state))
            if self._owner(claim) == self.state:
                return number
        raise RefusedError(
            f"{_MAX_CLUSTERS} clusters run on this machine already; their states are named in {_RUN}/*/state",
            hint="take one down: scripts/cluster/down STATE",
        )

    @staticmethod
    def _owner(claim: Path) -> Path | None:
        try:
            return Path((claim / "state").read_text())
        except OSError:
            return None

    def _make_network(self, cluster: int, nodes: list[_Node]) -> None:
        """Make a bridge on the host, a virtual cable to each node, and each node's routes to the pods of the others."""
        bridge, services = f"kml{cluster}", _endpoints(nodes[0]).services
        if not Path(f"/sys/class/net/{bridge}").exists():
            _run("ip", "link", "add", bridge, "type", "bridge")
            _run("ip", "address", "add", f"10.240.{cluster}.1/24", "dev", bridge)
            _run("ip", "link", "set", bridge, "up")
        for node in nodes:
            if Path(f"/sys/class/net/{node.link}").exists():
                continue
            target = str(self._first_process(node))
            _run("ip", "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", target)
            _run("ip", "link", "set", node.link, "master", bridge, "up")
            inside = ("nsenter", f"--target={target}", "--net")
            _run(*inside, "ip", "link", "set", "lo", "up")
            _run(*inside, "ip", "address", "add", f"{node.address}/24", "dev", "eth0")
            _run(*inside, "ip", "link", "set", "eth0", "up")
            _run(*inside, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
            # Traffic between pods of one node passes the node's bridge, where kube-proxy's rules must apply. The kernel
            # may have this module built in or not at all, so failures are ignored.
            if shutil.which("modprobe"):
                _run("modprobe", "--quiet", "br_netfilter", check=False)
            _run(*inside, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", check=False)
            # Packets to a service's address need a route before kube-proxy can rewrite the address.
            _run(*inside, "ip", "route", "add", services, "dev", "eth0")
            for other in nodes:
                if other is not node:
                    _run(*inside, "ip", "route", "add", other.pods, "via", other.address)
        for node in nodes:
            _run("ip", "route", "replace", node.pods, "via", node.address)
        _run("ip", "route", "replace", services, "via", nodes[0].address)

    def _start_node(self, node: _Node) -> None:
        """Start a node's first process, which holds its namespaces and reaps orphans. Give the node its own folders."""
        if self._programs.process(node.name) is not None:
            return
        node.folder.mkdir(parents=True, exist_ok=True)
        unshare = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
        self._programs.start(node.name, [*unshare, str(self._binaries / "pause")])
        _await(f"the first process of {node.name}", lambda: self._first_process(node) is not None)
        # The node unmounts overlays, because the machine could not remove its own containers while a node mounts them.
        _run(*self._inside(node), "umount", "--all", "--types", "overlay", check=False)
        volumes = self.state / "volumes"
        mounts = [(node.folder / "private" / path.strip("/").replace("/", "-"), path) for path in _PRIVATE]
        for source, path in [*mounts, (volumes, _VOLUMES)]:
            source.mkdir(parents=True, exist_ok=True)
            self._make_mount_point(Path(path))
            _run(*self._inside(node), "mount", "--bind", str(source), path)

    def _make_mount_point(self, path: Path) -> None:
        """Make a folder to mount on, and note that it was made, so that the last ``down`` removes it."""
        made = []
        while not path.exists():
            made.append(str(path))
            path = path.parent
        for made_folder in reversed(made):
            Path(made_folder).mkdir()
        with _MOUNT_POINTS.open("a") as noted:
            noted.writelines(f"{made_folder}\n" for made_folder in made)

    def _first_process(self, node: _Node) -> int | None:
        """Return the process whose end ends the node; None while it does not run."""
        holder = self._programs.process(node.name)
        first = [child for child in holder.children() if child.name() == "pause"] if holder else []
        return first[0].pid if first else None

    def _inside(self, node: _Node) -> tuple[str, ...]:
        """Return the command prefix that runs a command inside a node."""
        return "nsenter", f"--target={self._first_process(node)}", "--net", "--mount", "--pid"

    def _control_plane(self, node: _Node) -> ControlPlane:
        programs = self._programs.within(self._inside(node))
        return ControlPlane(self.state, binaries=self._binaries, programs=programs, endpoints=_endpoints(node))

    def _open_volumes(self, node: _Node) -> None:
        # The built-in provisioner makes folders that only root may enter, and fsGroup has no effect on these.
        script = f'while sleep 0.2; do chmod -f 0777 "{self.state}"/volumes/*; done'
        self._programs.within(self._inside(node)).start("open-volumes", ["bash", "-c", script])

    def _start_kubelet(self, node: _Node, control_plane: ControlPlane) -> None:
        keys = control_plane.authority.issue(
            node.name,
            subject=f"/O=system:nodes/CN=system:node:{node.name}",
            addresses=[f"DNS:{node.name}", f"IP:{node.address}"],
        )
        kubeconfig = node.folder / "kubelet.conf"
        control_plane.write_kubeconfig(kubeconfig, keys)
        self._write_network_configuration(node)
        self._write_containerd_configuration(node)
        programs = self._programs.within(self._inside(node))
        containerd, kubelet, proxy = (f"{node.name}-{what}" for what in ("containerd", "kubelet", "kube-proxy"))
        run = [str(self._binaries / "containerd"), "--config", str(node.folder / "containerd.toml")]
        programs.start(containerd, run, path=[self._binaries])
        programs.await_(
            f"containerd of {node.name}",
            lambda: _run(*self._ctr(node), "version", check=False).returncode == 0,
            needs=[containerd],
            timeout_seconds=_START_SECONDS,
        )
        for image, user in (("pause", "65535:65535"), ("coredns", "0:0")):
            self._load_program(node, image, user)
        configuration = node.folder / "kubelet.json"
        configuration.write_bytes(
            orjson.dumps(_kubelet_configuration(node, control_plane.authority, keys), option=orjson.OPT_INDENT_2)
        )
        _make_cgroups(node)
        programs.start(
            kubelet,
            [
                str(self._binaries / "kubelet"),
                f"--config={configuration}",
                f"--kubeconfig={kubeconfig}",
                f"--root-dir={node.folder / 'kubelet'}",
                f"--hostname-override={node.name}",
                f"--node-ip={node.address}",
            ],
        )
        programs.start(
            proxy,
            [
                str(self._binaries / "kube-proxy"),
                f"--kubeconfig={self.state / 'kube-proxy.conf'}",
                f"--hostname-override={node.name}",
                f"--cluster-cidr=10.{224 + node.cluster}.0.0/16",
                "--proxy-mode=iptables",
                "--conntrack-max-per-core=0",
                f"--healthz-bind-address={node.address}:10256",
            ],
        )

    def _write_network_configuration(self, node: _Node) -> None:
        address_pool = {
            "type": "host-local",
            "dataDir": str(node.folder / "addresses"),
            "ranges": [[{"subnet": node.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": address_pool}
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        network = {"cniVersion": "1.0.0", "name": "kafka-ml", "plugins": [bridge, ports]}
        folder = node.folder / "cni"
        folder.mkdir(exist_ok=True)
        (folder / "10-bridge.conflist").write_bytes(orjson.dumps(network, option=orjson.OPT_INDENT_2))

    def _write_containerd_configuration(self, node: _Node) -> None:
        plugins = next((folder for folder in _CNI_FOLDERS if Path(folder, "bridge").exists()), None)
        if plugins is None:
            raise RefusedError("the network plugins are missing", hint="apt-get install containernetworking-plugins")
        (node.folder / "containerd-socket").write_text(str(node.socket))
        (node.folder / "containerd.toml").write_text(f"""\
version = 3
root = "{node.folder}/containerd"
state = "{node.run}"
[grpc]
  address = "{node.socket}"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "localhost/pause:1"
[plugins."io.containerd.cri.v1.runtime"]
  max_container_log_line_size = 262144
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{plugins}"]
    conf_dir = "{node.folder}/cni"
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
""")

    def _load_program(self, node: _Node, name: str, user: str) -> None:
        """Load an image that holds one of the built programs and nothing else."""
        image, archive = f"localhost/{name}:1", self.state / f"{name}.tar"
        images = (*self._ctr(node), "--namespace", "k8s.io", "images")
        if image in _run(*images, "list", "--quiet").stdout.split():
            return
        if not archive.exists():
            _run(str(_HERE / "one-file-image"), str(self._binaries / name), image, user, str(archive))
        _run(*images, "import", "--local", str(archive))

    def _ctr(self, node: _Node) -> tuple[str, ...]:
        return str(self._binaries / "ctr"), "--address", str(node.socket)

    def _await_node(self, node: _Node) -> None:
        programs = [f"{node.name}-kubelet", f"{node.name}-containerd", f"{node.name}-kube-proxy"]
        ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        self._programs.await_(
            f"node {node.name}",
            lambda: self._kubectl("get", "node", node.name, "--output", ready, check=False).stdout == "True",
            needs=programs,
            timeout_seconds=_START_SECONDS,
        )

    def _install_system(self, endpoints: Endpoints) -> None:
        manifests = (_HERE / "system.yaml").read_text().replace("DNS_ADDRESS", _dns_of(endpoints))
        self._kubectl("apply", "--server-side", "--filename", "-", stdin=manifests)
        rollout = ("rollout", "status", "deployment/coredns", f"--timeout={_START_SECONDS}s")
        self._kubectl("--namespace", "kube-system", *rollout)

    def _kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        kubectl = (str(self._binaries / "kubectl"), "--kubeconfig", str(self.state / "admin.conf"))
        return _run(*kubectl, *arguments, stdin=stdin, check=check)

    # --- down ------------------------------------------------------------------------------------------------------

    def down(self) -> None:
        """Remove all traces, also of half a cluster: processes, mounts, namespaces, routes, control groups, folders."""
        # Killing a node's first process ends all others of the node, containers too. Nothing of a node is kept.
        for name in self._programs.names():
            self._programs.kill(name)
        for claim in list(_RUN.glob("*/")):
            if self._owner(claim) == self.state:
                self._remove(int(claim.name))
                shutil.rmtree(claim)
        self._remove_mount_points()
        shutil.rmtree(self.state)

    @staticmethod
    def _remove_mount_points() -> None:
        """Remove the mount points once the last cluster is down, because other clusters would lose their mounts."""
        if not _MOUNT_POINTS.exists() or any(path.is_dir() for path in _RUN.iterdir()):
            return
        for path in reversed(_MOUNT_POINTS.read_text().split()):
            # A mount point stays where another program keeps files in it by now.
            with suppress(OSError):
                Path(path).rmdir()
        _MOUNT_POINTS.unlink()
        _RUN.rmdir()

    def _remove(self, cluster: int) -> None:
        groups = list(_control_groups(f"kafka-ml-{cluster}"))
        _await("the end of all containers", lambda: not any(_processes(group) for group in groups))
        for group in groups:
            for folder in sorted(group.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
                folder.rmdir()
            group.rmdir()
        if Path(f"/sys/class/net/kml{cluster}").exists():
            # Deleting the bridge also deletes its routes.
            _run("ip", "link", "delete", f"kml{cluster}")


def _endpoints(node: _Node) -> Endpoints:
    services = IPv4Network(f"10.{208 + node.cluster}.0.0/16")
    return Endpoints(
        host=node.address,
        api_port=6443,
        etcd_port=2379,
        etcd_peer_port=2380,
        services=str(services),
        api_service=str(services[1]),
    )


def _dns_of(endpoints: Endpoints) -> str:
    return str(IPv4Network(endpoints.services)[10])


def _dns(node: _Node) -> str:
    return _dns_of(_endpoints(node))


def _control_groups(name: str) -> Iterator[Path]:
    """Yield the control groups called ``name``: one, or on older systems one in the hierarchy of each controller."""
    roots = [_CGROUPS] if (_CGROUPS / "cgroup.controllers").exists() else list(_CGROUPS.iterdir())
    yield from (root / name for root in roots if (root / name).is_dir())


def _processes(group: Path) -> bool:
    return any(path.read_text().strip() for path in group.rglob("cgroup.procs"))


def _kubelet_configuration(node: _Node, authority: Authority, keys: KeyPair) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority.certificate)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(keys.certificate),
        "tlsPrivateKeyFile": str(keys.key),
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [_dns(node)],
        "clusterDomain": "cluster.local",
        "resolvConf": "",
        "podPidsLimit": 4096,
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
        # Images must not be garbage-collected, because they were loaded rather than pulled and would be gone for good.
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": str(node.folder / "logs"),
    }


def _make_cgroups(node: _Node) -> None:
    if (_CGROUPS / "cgroup.controllers").exists():
        folder = _CGROUPS / node.cgroup
        folder.mkdir(parents=True, exist_ok=True)
        for group in (_CGROUPS, folder.parent, folder):
            wanted = " ".join(f"+{name}" for name in (group / "cgroup.controllers").read_text().split())
            (group / "cgroup.subtree_control").write_text(wanted)
        return
    for root in _CGROUPS.iterdir():
        if root.name == "unified" or not root.is_dir() or root.is_symlink():
            continue
        folder = root / node.cgroup
        folder.mkdir(parents=True, exist_ok=True)
        # A control group accepts processes only once it has processors and memory.
        for file in ("cpuset.cpus", "cpuset.mems"):
            for group in (folder.parent, folder):
                if (group / file).exists():
                    (group / file).write_text((root / file).read_text())


def _run(*command: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise BrokenError(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done


def _await(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _DOWN_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise BrokenError(f"{what} did not come within {_DOWN_SECONDS} s")
        time.sleep(0.05)


def _say(what: str) -> None:
    print(f"\033[36m==>\033[0m {what}", file=sys.stderr, flush=True)


def main() -> None:
    """``nodes up STATE BINARIES COUNT`` or ``nodes down STATE BINARIES``."""
    verb, state, binaries, *rest = sys.argv[1:]
    cluster = NodeCluster(Path(state), binaries=Path(binaries))
    try:
        cluster.up(int(rest[0])) if verb == "up" else cluster.down()
    except (KafkaMLError, psutil.Error) as error:
        hint = getattr(error, "hint", "")
        sys.exit(f"\033[31m{error}\033[0m" + (f"\n  {hint}" if hint else ""))


if __name__ == "__main__":
    main()

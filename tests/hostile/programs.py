# ruff: noqa: E501  programs are easier to read unbroken
"""Harmful programs that a user could paste as a model. Each says what must become of it.

A program that reports leaves ``result = {"escaped": [...]}``: what it managed to do and must not. ``{canary}`` and the
other names of ``Surroundings`` (``test_programs.py``) stand for facts about the test's machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mlcode_executor.death import LimitReason

MEMORY, CPU, WALL, OUTPUT, KILLED, CRASHED = (
    LimitReason.MEMORY,
    LimitReason.CPU_TIME,
    LimitReason.WALL_TIME,
    LimitReason.OUTPUT,
    LimitReason.KILLED,
    LimitReason.CRASHED,
)


@dataclass(frozen=True)
class Program:
    """``dies`` holds the reasons for which its process may end; ``refused`` says that an error of its own is fine too."""

    name: str
    code: str
    dies: frozenset[str] = frozenset()
    refused: bool = False
    # Whether the program may end without an answer, at its time limit.
    may_hang: bool = False
    reports: bool = field(default=True)


def _reports(name: str, code: str) -> Program:
    return Program(name, _PRELUDE + code + _REPORT)


def _dies(name: str, code: str, *reasons: LimitReason, refused: bool = False, may_hang: bool = False) -> Program:
    return Program(name, code, frozenset(reasons), refused=refused, may_hang=may_hang, reports=False)


_PRELUDE = """
import ctypes, os, socket, sys, glob, errno
escaped = []
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, action):
    try:
        got = action()
    except (OSError, MemoryError, ValueError) as error:
        return None
    escaped.append(f"{name}: {got!r}"[:200])
    return got
def system_call(name, *arguments):
    ctypes.set_errno(0)
    got = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if got >= 0:
        escaped.append(f"{name} returned {got}")
"""
_REPORT = """
result = {"escaped": escaped}
"""

FILES = [
    _reports(
        "reads the secrets of the machine",
        """
for path in ("/etc/shadow", "/etc/ssh/sshd_config", "/root/.ssh/id_rsa", "{secret_file}", "{repository}/.git/config",
             "{repository}/pyproject.toml", "{repository}/tests/hostile/programs.py", "/proc/sys/kernel/random/boot_idx",
             "/proc/1/root{secret_file}", "/proc/self/root{secret_file}", "/proc/self/cwd/../..{secret_file}", "/proc/kcore",
             "/sys/kernel/security/lsm", "/var/run/docker.sock", "/dev/mem", "/dev/vda"):
    attempt(path, lambda: open(path, "rb").read(10))
for path in ("/root", "/home", "/var", "{repository}", "{repository}/backend"):
    attempt(path, lambda: [name for name in os.listdir(path)
                           if name not in (".venv", "kafkaml", "mlcode_executor", ".pyenv")] or open("/nothing"))
""",
    ),
    _reports(
        "reads the environment and memory of other processes",
        """
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/mem") + glob.glob("/proc/[0-9]*/maps"):
    if path.split("/")[2] not in (str(os.getpid()), "self"):
        attempt(path, lambda: open(path, "rb").read(10))
for pid in ({runner_pid}, {server_pid}, os.getppid()):
    if pid:
        attempt(f"environ of {pid}", lambda: open(f"/proc/{pid}/environ", "rb").read(10))
        attempt(f"memory of {pid}", lambda: open(f"/proc/{pid}/mem", "rb").read(10))
        attempt(f"descriptors of {pid}", lambda: os.listdir(f"/proc/{pid}/fd"))
""",
    ),
    _reports(
        "finds a credential in its own environment",
        """
found = open("/proc/self/environ", "rb").read() + repr(dict(os.environ)).encode() + repr(sys.argv).encode()
for word in (b"{canary}", b"KML_", b"TOKEN", b"PASSWORD"):
    if word in found:
        escaped.append(word.decode())
""",
    ),
    _reports(
        "writes where others read",
        """
import numpy
for path in ("{secret_file}", "/tmp/{canary}", "/usr/lib/{canary}", "/etc/{canary}", "/dev/shm/{canary}", "/{canary}",
             os.path.dirname(numpy.__file__) + "/{canary}.py", "{repository}/kafkaml/{canary}.py", "/var/tmp/{canary}",
             "/proc/sys/kernel/core_pattern", "/proc/self/oom_score_adj_", "/proc/self/uid_map", "/proc/1/oom_score_adj",
             "{repository}/mlcode_executor/child.py"):
    if path.startswith("/tmp/") and os.path.realpath("/tmp") == os.getcwd():
        continue  # its own scratch folder
    attempt(path, lambda: open(path, "ab").write(b"x"))
""",
    ),
    _reports(
        "empties, renames, links and removes what it may read",
        """
import numpy
victim = numpy.__file__
attempt("truncate by opening", lambda: os.open(victim, os.O_RDONLY | os.O_TRUNC))
attempt("truncate", lambda: os.truncate(victim, 0))
attempt("rename", lambda: os.rename(victim, "stolen"))
attempt("link", lambda: os.link(victim, "link"))
attempt("remove", lambda: os.unlink(victim))
attempt("make a folder", lambda: os.mkdir(os.path.dirname(victim) + "/{canary}"))
attempt("make a device", lambda: os.mknod("device", 0o020666, os.makedev(1, 1)))
attempt("make a pipe for others", lambda: os.mkfifo("pipe"))
os.symlink("{secret_file}", "symlink")
attempt("follow a link out", lambda: open("symlink").read())
os.symlink("/proc/self/root", "root")
attempt("follow a link to the root", lambda: open("root{secret_file}").read())
if os.path.getsize(victim) == 0:
    escaped.append("emptied")
""",
    ),
    _reports(
        "changes what it was given to read",
        """
import fcntl, mmap
before = arrays["given"].copy()
def reopen(flags):
    for name in os.listdir("/proc/self/fd"):
        path = "/proc/self/fd/" + name
        if "memfd" in os.readlink(path) or "given" in os.readlink(path):
            os.write(os.open(path, flags), b"changed")
            return "written"
    raise OSError("not found")
attempt("write", lambda: arrays["given"].__setitem__(0, 99))
attempt("make writable", lambda: arrays["given"].setflags(write=True))
attempt("open again to write", lambda: reopen(os.O_RDWR))
attempt("open again to append", lambda: reopen(os.O_WRONLY))
fd = files["file"]
attempt("write to a file", lambda: os.write(fd, b"changed"))
attempt("cut a file", lambda: os.ftruncate(fd, 0))
attempt("open a file again", lambda: os.open(f"/proc/self/fd/{fd}", os.O_RDWR))
address = arrays["given"].ctypes.data
if libc.mprotect(ctypes.c_void_p(address & ~4095), ctypes.c_size_t(4096), 3) == 0:
    escaped.append("mprotect")
if not (arrays["given"] == before).all():
    escaped.append("changed")
""",
    ),
]

NETWORK = [
    _reports(
        "connects and listens by TCP and UDP",
        """
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", {tcp_port}), 2))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {udp_port})))
attempt("listen", lambda: socket.create_server(("127.0.0.1", 0)))
attempt("ipv6", lambda: socket.socket(socket.AF_INET6))
attempt("raw", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
attempt("resolve", lambda: socket.gethostbyname("localhost.{canary}.example"))
import urllib.request
attempt("metadata", lambda: urllib.request.urlopen("http://169.254.169.254/", timeout=2))
""",
    ),
    _reports(
        "asks the fork server for a process without isolation",
        """
def connect(address):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(address)
        return "connected"
attempt("fork server", lambda: connect("{server_socket}"))
attempt("abstract", lambda: connect("\\0{canary}"))
attempt("pair", socket.socketpair)
if os.path.exists("{server_socket}"):
    attempt("open the socket", lambda: os.open("{server_socket}", os.O_RDWR))
for fd in range(64):
    try:
        other = socket.socket(fileno=os.dup(fd))
    except OSError:
        continue
    attempt(f"accept on {fd}", lambda: other.accept())
""",
    ),
]

KERNEL = [
    _reports(
        "makes system calls that computing does not need",
        """
import platform
buffer = ctypes.create_string_buffer(4096)
if platform.machine() == "x86_64":
    for name, number, *arguments in (
        ("socket", 41, 2, 1, 0), ("socketpair", 53, 1, 1, 0, buffer), ("ptrace", 101, 0, 0, 0, 0), ("mount", 165, 0, 0, 0, 0, 0),
        ("unshare user", 272, 0x10000000), ("unshare net", 272, 0x40000000), ("setns", 308, 0, 0), ("bpf", 321, 0, buffer, 128),
        ("io_uring_setup", 425, 8, buffer), ("userfaultfd", 323, 1), ("perf_event_open", 298, buffer, 0, -1, -1, 0),
        ("keyctl", 250, 0, -3, 1), ("add_key", 248, b"user", b"x", b"y", 1, -3), ("memfd_create", 319, b"x", 0),
        ("process_vm_readv", 310, {runner_pid}, buffer, 1, buffer, 1, 0), ("pidfd_open", 434, {runner_pid}, 0),
        ("kcmp", 312, 1, 1, 0, 0, 0), ("open_by_handle_at", 304, -100, buffer, 0), ("name_to_handle_at", 303, -100, b"/", buffer, buffer, 0),
        ("chroot", 161, b"."), ("pivot_root", 155, b".", b"."), ("personality", 135, 0x0040000), ("swapon", 167, b"/dev/vda", 0),
        ("reboot", 169, 0xfee1dead, 672274793, 0), ("init_module", 175, buffer, 0, b""), ("kexec_load", 246, 0, 0, 0, 0),
        ("shmget", 29, 0, 4096, 0o1600), ("semget", 64, 0, 1, 0o1600), ("msgget", 68, 0, 0o1600), ("mq_open", 240, b"x", 0o102, 0o600, 0),
        ("setsid", 112), ("fork", 57), ("vfork by clone", 56, 0x4111, 0, 0, 0, 0), ("clone3", 435, buffer, 64),
        ("new namespace by clone", 56, 0x10000000 | 17, 0, 0, 0, 0), ("x32 getpid", 0x40000000 | 39), ("x32 open", 0x40000000 | 2, b"/", 0, 0),
        ("seccomp", 317, 1, 0, buffer), ("fanotify_init", 300, 0, 0), ("inotify_init", 253), ("syslog", 103, 3, buffer, 100),
        ("quotactl", 179, 0, 0, 0, 0), ("acct", 163, 0), ("clock_settime", 227, 0, buffer), ("sethostname", 170, b"x", 1),
        ("setuid", 105, 0), ("setresuid", 117, 0, 0, 0), ("capset", 126, buffer, buffer), ("ioperm", 173, 0, 1, 1), ("iopl", 172, 3),
        ("vhangup", 153), ("modify_ldt", 154, 1, buffer, 16), ("unknown", 999),
    ):
        system_call(name, number, *arguments)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_SET_PTRACER = 1, 4, 22, 38, 0x59616d61
for option in (PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_PTRACER, 24, 28, 36, 47):
    if libc.prctl(option, 0, 0, 0, 0) == 0:
        escaped.append(f"prctl {option}")
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
    if int(status[name], 16):
        escaped.append(name + status[name])
if status["NoNewPrivs"].strip() != "1" or status["Seccomp"].strip() != "2":
    escaped.append("no filter")
""",
    ),
    _dies(
        "enters the kernel by its 32-bit door",
        """
import ctypes, mmap, platform
if platform.machine() != "x86_64":
    ctypes.string_at(0)
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
# mov eax, 20 (getpid of i386); int 0x80; ret
page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
ctypes.CFUNCTYPE(ctypes.c_int)(address)()
result = {"escaped": ["int 0x80"]}
""",
        CRASHED,
    ),
    _reports(
        "signals and traces others",
        """
import signal
for pid in (0, -1, -os.getpgrp() or -1, os.getppid() or -1, {runner_pid}, {server_pid}):
    attempt(f"kill {pid}", lambda: os.kill(pid, 0))
    attempt(f"kill {pid} hard", lambda: os.kill(pid, signal.SIGKILL))
attempt("killpg", lambda: os.killpg(0, signal.SIGKILL))
for pid in ({runner_pid}, {server_pid}):
    attempt(f"priority of {pid}", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
    attempt(f"affinity of {pid}", lambda: os.sched_setaffinity(pid, {0}))
    import resource
    attempt(f"limits of {pid}", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1)))
    for request in (16, 0x4206):
        if libc.ptrace(request, pid, 0, 0) >= 0:
            escaped.append(f"ptrace {request} {pid}")
import fcntl
fd = os.open("lock", os.O_CREAT | os.O_RDWR)
attempt("signals by descriptor", lambda: fcntl.fcntl(fd, 8, {runner_pid}))
""",
    ),
    _reports(
        "runs programs",
        """
import subprocess
attempt("subprocess", lambda: subprocess.run(["/bin/true"]))
attempt("shell", lambda: os.system("true") == 0 or open("/nothing"))
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("fexec", lambda: os.execve(os.open("/usr/bin/env", os.O_RDONLY), ["env"], {}))
import multiprocessing
def start():
    process = multiprocessing.get_context("fork").Process(target=print)
    process.start()
    return "started"
attempt("multiprocessing", start)
""",
    ),
    _reports(
        "raises its own limits",
        """
import resource
for name in ("RLIMIT_CPU", "RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE"):
    which = getattr(resource, name)
    soft, hard = resource.getrlimit(which)
    attempt(name, lambda: resource.setrlimit(which, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
attempt("nice", lambda: os.nice(-5))
""",
    ),
]

EXHAUSTION = [
    _reports(
        "forks without end",
        """
for _ in range(10000):
    try:
        if os.fork() == 0:
            os._exit(0)
        escaped.append("forked")
    except OSError:
        continue
""",
    ),
    _dies(
        "starts threads without end",
        """
import threading
stop = threading.Event()
while True:
    threading.Thread(target=stop.wait, daemon=True).start()
""",
        MEMORY,
        CPU,
        WALL,
        refused=True,
    ),
    _dies("takes memory as bytes", "parts = []\nwhile True:\n    parts.append(bytearray(16 << 20))", MEMORY),
    _dies("takes memory as arrays", "parts = []\nwhile True:\n    parts.append(np.ones(4 << 20))", MEMORY),
    _dies(
        "takes memory that it shares with nobody",
        "import mmap\nparts = []\nwhile True:\n    parts.append(mmap.mmap(-1, 64 << 20))\n    parts[-1].write(b'x' * (64 << 20))",
        MEMORY,
        refused=True,
    ),
    _dies("takes memory in small pieces", "parts = []\nwhile True:\n    parts.append({})", MEMORY, CPU),
    _dies("loops without end", "while True:\n    pass", CPU),
    _dies(
        "loops in many threads",
        "import threading\ndef spin():\n    while True: pass\nfor _ in range(8): threading.Thread(target=spin).start()\nspin()",
        CPU,
    ),
    _dies("sleeps without end", "import time\ntime.sleep(1e6)", WALL),
    _dies(
        "ignores every signal and loops",
        """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
        CPU,
    ),
    _dies("prints without end", "while True:\n    print('x' * 10000)", OUTPUT),
    _dies("writes to standard error without end", "import os\nwhile True:\n    os.write(2, b'x' * 65536)", OUTPUT),
    _dies("emits events without end", "while True:\n    emit('progress', {'x': 'y' * 1000})", OUTPUT),
    _reports(
        "opens files without end",
        """
opened = []
try:
    while len(opened) < 100000:
        opened.append(os.open("/dev/null", os.O_RDONLY))
    escaped.append("opened 100000")
except OSError as error:
    if error.errno != errno.EMFILE:
        escaped.append(str(error))
for fd in opened:
    os.close(fd)
""",
    ),
    _dies(
        "fills the disk with large files",
        """
index = 0
while True:
    with open(f"file{index}", "wb") as file:
        for _ in range(15):
            file.write(b"x" * (1 << 20))
    index += 1
""",
        OUTPUT,
        refused=True,
    ),
    _dies(
        "fills the disk with empty files",
        "index = 0\nwhile True:\n    open(f'file{index}', 'w').close()\n    index += 1",
        OUTPUT,
        CPU,
        refused=True,
    ),
    _dies(
        "writes one file without end",
        "f = open('f', 'wb')\nwhile True:\n    f.write(b'x' * 65536)",
        OUTPUT,
        CRASHED,
        refused=True,
    ),
    _dies(
        "recurses without end",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(n): return f(n + 1) + 1\nf(0)",
        MEMORY,
        CPU,
    ),
]

_CONTROL = """
import os, socket, struct, json, stat
control = max(fd for fd in range(3, 64) if os.path.exists(f"/proc/self/fd/{fd}") and stat.S_ISSOCK(os.fstat(fd).st_mode))
"""

CHANNEL = [
    _dies(
        "announces a huge frame", _CONTROL + "os.write(control, b'\\xff' * 4)\nimport time\ntime.sleep(1e6)", CRASHED
    ),
    _dies("sends garbage", _CONTROL + "os.write(control, struct.pack('>I', 100) + os.urandom(100))", CRASHED),
    _dies("sends no object", _CONTROL + "os.write(control, struct.pack('>I', 2) + b'[]')", CRASHED),
    _dies(
        "sends deeply nested JSON",
        _CONTROL + "body = b'[' * 500000 + b']' * 500000\nos.write(control, struct.pack('>I', len(body)) + body)",
        CRASHED,
    ),
    _dies("sends neither result nor error", _CONTROL + "os.write(control, struct.pack('>I', 2) + b'{}')", CRASHED),
    _dies(
        "forges an end and an error of no kind",
        _CONTROL
        + "body = json.dumps({'error': {'kind': 'boom', 'message': 7}}).encode()\nos.write(control, struct.pack('>I', len(body)) + body)",
        CRASHED,
    ),
    _dies(
        "sends half a frame and stalls",
        _CONTROL + "os.write(control, struct.pack('>I', 100) + b'x')\nimport time\ntime.sleep(1e6)",
        WALL,
        may_hang=True,
    ),
    _dies(
        "sends descriptors with its frames",
        _CONTROL
        + """
import array, time
sock = socket.socket(fileno=control)
null = os.open("/dev/null", os.O_RDONLY)
body = json.dumps({"event": "progress", "data": {}}).encode()
for _ in range(500):
    sock.sendmsg([struct.pack(">I", len(body)) + body], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 100))])
os._exit(0)
""",
        CRASHED,
        # The kernel limits how many descriptors may be in flight in sockets.
        refused=True,
    ),
    _dies("closes every descriptor", "import os, time\nos.closerange(0, 4096)\ntime.sleep(1e6)", CRASHED, KILLED, WALL),
    _dies(
        "closes every descriptor and loops", "import os\nos.closerange(0, 4096)\nwhile True: pass", CRASHED, KILLED, CPU
    ),
    _dies("leaves without a word", "import os\nos._exit(0)", CRASHED),
    _dies("ends with SystemExit", "raise SystemExit(3)", refused=True),
    _dies("ends with KeyboardInterrupt", "raise KeyboardInterrupt", refused=True),
    _dies("aborts", "import os\nos.abort()", CRASHED),
    _dies("reads address zero", "import ctypes\nctypes.string_at(0)", CRASHED),
    _dies(
        "raises an error of megabytes whose text raises",
        "class Evil(Exception):\n    def __str__(self): raise ValueError('x' * (50 << 20))\nraise Evil",
        refused=True,
    ),
    _dies("raises an error of megabytes", "raise ValueError('x' * (8 << 20))", refused=True),
    _dies("answers with more than fits", "result = {'x': 'y' * (2 << 20)}", refused=True),
    _dies("answers with something other than data", "result = {'x': object()}", refused=True),
]

PROGRAMS = [*FILES, *NETWORK, *KERNEL, *EXHAUSTION, *CHANNEL]

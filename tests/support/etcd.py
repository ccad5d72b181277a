"""Real etcd members on loopback, as processes that can be killed, stopped and started again.

The programs are those of this system if it has them, else they come from its Debian or Ubuntu archive: fetched once and
unpacked below build/, never installed. Where neither is possible, tests that need them fail and say what is missing.
"""

from __future__ import annotations

import fcntl
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from gslb.runtime.addresses import SocketAddress
from gslb.store.etcd.options import EtcdOptions, Login, Tls

HERE = Path(__file__).resolve().parents[2] / "build" / "etcd"
START_S = 30.0
FETCH_S = 300
PROGRAMS = ("etcd", "etcdctl")
PACKAGES = ("etcd-server", "etcd-client")
MISSING = "etcd is needed: install the packages etcd-server and etcd-client, or put etcd and etcdctl into PATH"


class Member:
    """One etcd process. `arguments`: besides those that name it and its data."""

    def __init__(self, program: str, folder: Path, arguments: Sequence[str]) -> None:
        self._command = [program, "--data-dir", str(folder / "data"), "--logger", "zap", *arguments]
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, also when it is stopped."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def revive(self) -> None:
        if self._process is None:
            self.start()
        else:
            self.signal(signal.SIGCONT)

    def check_alive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            last = self._log.read_text().splitlines()[-5:]
            raise AssertionError(f"etcd ended with status {self._process.returncode}:\n" + "\n".join(last))


class Cluster:
    """`count` members that know each other. `extra`: arguments of each, and of etcdctl `control`, which may change."""

    def __init__(
        self, folder: Path, count: int, *, scheme: str = "http", extra: Sequence[str] = (), control: Sequence[str] = ()
    ) -> None:
        self.control = tuple(control)
        etcd, self._etcdctl = programs()
        ports = free_ports(2 * count)
        self.endpoints = tuple(SocketAddress("127.0.0.1", port) for port in ports[:count])
        self._urls = [f"{scheme}://{endpoint}" for endpoint in self.endpoints]
        peers = [f"http://127.0.0.1:{port}" for port in ports[count:]]
        together = ",".join(f"m{number}={peer}" for number, peer in enumerate(peers))
        self.members = []
        for number, (url, peer) in enumerate(zip(self._urls, peers, strict=True)):
            arguments = ["--name", f"m{number}", "--initial-cluster", together, "--unsafe-no-fsync", *extra]
            for kind, at in (("client", url), ("peer", peer)):
                arguments += [f"--listen-{kind}-urls", at]
            arguments += ["--advertise-client-urls", url, "--initial-advertise-peer-urls", peer]
            self.members.append(Member(etcd, folder / f"m{number}", arguments))

    def options(self, prefix: str, *numbers: int, tls: Tls | None = None, login: Login | None = None) -> EtcdOptions:
        """A store at these members, or all."""
        endpoints = tuple(self.endpoints[number] for number in numbers) if numbers else self.endpoints
        return EtcdOptions(endpoints=endpoints, prefix=prefix, tls=tls, login=login)

    def start(self, *numbers: int) -> None:
        """Start these members, or all, and wait until everyone serves."""
        for number in numbers or range(len(self.members)):
            self.members[number].start()
        self.wait_until_healthy()

    def repair(self) -> None:
        """Whatever was done to them, all serve again."""
        for member in self.members:
            member.revive()
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_S
        while self._run("endpoint", "health").returncode:
            for member in self.members:
                member.check_alive()
            assert time.monotonic() < deadline, f"etcd did not come up: {self._run('endpoint', 'health').stderr}"

    def leader(self) -> int:
        """The number of the member that leads."""
        statuses = json.loads(self.etcdctl("endpoint", "status", "--write-out", "json"))
        (leader,) = {status["Status"]["leader"] for status in statuses}
        by_id = {status["Status"]["header"]["member_id"]: status["Endpoint"] for status in statuses}
        return self._urls.index(by_id[leader])

    def end_leases(self, prefix: str) -> None:
        """Of all keys below it, as if those who hold them had been away for too long."""
        found = json.loads(self.etcdctl("get", prefix, "--prefix", "--write-out", "json"))
        for lease in {entry["lease"] for entry in found["kvs"]}:
            self.etcdctl("lease", "revoke", f"{lease:x}")

    def etcdctl(self, *arguments: str) -> str:
        done = self._run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def leases(self) -> list[str]:
        """All that somebody was granted and that are not over."""
        return self.etcdctl("lease", "list").split()[3:]

    def watchers(self) -> int:
        """At all members, which must speak without TLS."""
        return sum(_metric(url, "etcd_debugging_mvcc_watcher_total") for url in self._urls)

    def close(self) -> None:
        for member in self.members:
            member.kill()

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._etcdctl, f"--endpoints={','.join(self._urls)}", *self.control, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=START_S, check=False, env={"ETCDCTL_API": "3"}
        )


def _metric(url: str, name: str) -> int:
    with urlopen(f"{url}/metrics", timeout=START_S) as page:
        found = re.search(rf"^{name} (\d+)$", page.read().decode(), re.MULTILINE)
    assert found, f"etcd shows no {name}"
    return int(found[1])


@contextmanager
def cluster(folder: Path, count: int, **options: object) -> Iterator[Cluster]:
    """Members that serve, until the context ends."""
    together = Cluster(folder, count, **options)
    try:
        together.start()
        yield together
    finally:
        together.close()


def members_of_module(count: int) -> Callable[[pytest.TempPathFactory], Iterator[Cluster]]:
    """A fixture: so many members, which serve for all tests of a module."""

    @pytest.fixture(scope="module")
    def members(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
        with cluster(tmp_path_factory.mktemp("etcd"), count) as running:
            yield running

    return members


def programs() -> tuple[str, ...]:
    """Paths of etcd and etcdctl."""
    found = [shutil.which(name) for name in PROGRAMS]
    if all(found):
        return tuple(map(str, found))
    HERE.mkdir(parents=True, exist_ok=True)
    with (HERE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        unpacked = [HERE / "root" / "usr" / "bin" / name for name in PROGRAMS]
        if not all(path.exists() for path in unpacked):
            _fetch()
    return tuple(map(str, unpacked))


def _fetch() -> None:
    """Fetch and unpack the packages; with lists of our own where the system has none."""
    (HERE / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    ours = ("-o", f"Dir::State::Lists={HERE / 'lists'}", "-o", f"Dir::Cache={HERE}", "-o", "APT::Sandbox::User=root")
    for options in ((), ours):
        if options:
            _apt(*options, "update")
        if _apt(*options, "download", *PACKAGES):
            break
    for package in sorted(HERE.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, HERE / "root"], timeout=FETCH_S, check=True)
    assert (HERE / "root").exists(), MISSING


def _apt(*arguments: str) -> bool:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    command = ["apt-get", "-qq", *arguments]
    return subprocess.run(command, cwd=HERE, capture_output=True, timeout=FETCH_S, check=False).returncode == 0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that clients get: a member that was killed must find its own free."""
    free: list[int] = []
    while len(free) < count:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe:
            if port not in free and probe.connect_ex(("127.0.0.1", port)) != 0:
                free.append(port)
    return free

"""How each process is started: on which host, with which arguments. As `docs/operations.md` tells users to."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support import etcd

from chaos import plan
from chaos.network import Host, Network
from chaos.truth import Member
from gslb.core.identity.names import Kind
from gslb.pki.folder import init_folder, issue_folder
from gslb.runtime.signing_keys import make_pair
from gslb.runtime.tls import Security, TlsFiles

OPERATOR = "admin"
_KEY = "chaos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Certificates and keys lie in `folder`, as does what each process keeps."""

    folder: Path
    network: Network
    members: Sequence[Member]
    etcd: str
    etcdctl: str

    @property
    def security(self) -> Security:
        """An operator who may do everything."""
        return self.security_of(Kind.OPERATOR, OPERATOR)

    def security_of(self, kind: Kind, name: str) -> Security:
        return Security(files=TlsFiles.of_folder(self._tls(kind, name)))

    def command(self, name: str) -> tuple[Host, list[str]]:
        """Where and what the process of this name is."""
        hosts = self.network.hosts
        if name in plan.ETCD:
            return hosts[name], self._etcd(name)
        if name in plan.COORDINATORS:
            return hosts[name], self._coordinator(name)
        if name in plan.DNS:
            return hosts[name], self._dns(name)
        for site, agent in plan.AGENTS.items():
            if name == agent:
                return hosts[name], self._agent(site, name)
        member = next(one for one in self.members if one.name == name)
        server = [sys.executable, "-m", "gslb.cli.demo.server", member.address, str(plan.WEB), name]
        return hosts[plan.SERVERS[member.site]], server

    def issue(self, kind: Kind, name: str) -> Security:
        """One more certificate of ours."""
        issue_folder(self.folder / "pki", kind, name, (), _now())
        return self.security_of(kind, name)

    def issue_crowd(self, count: int) -> list[Path]:
        """For so many agents of each of the crowd's sites; the folders that hold each site's. Takes a while."""
        for site in plan.CROWD:
            for number in range(count):
                self.issue(Kind.AGENT, f"{site}/n{number}")
        return [self._tls(Kind.AGENT, site) for site in plan.CROWD]

    def data(self, name: str) -> Path:
        return self.folder / name

    def address(self, name: str, port: int) -> str:
        return f"{self.network.hosts[name].address}:{port}"

    def etcd_endpoints(self) -> str:
        return ",".join(self.address(name, plan.ETCD_CLIENT) for name in plan.ETCD)

    def _etcd(self, name: str) -> list[str]:
        client, peer = (f"http://{self.address(name, port)}" for port in (plan.ETCD_CLIENT, plan.ETCD_PEER))
        together = ",".join(f"{one}=http://{self.address(one, plan.ETCD_PEER)}" for one in plan.ETCD)
        urls = [f"--{what}-client-urls={client}" for what in ("listen", "advertise")]
        urls += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        where = [f"--data-dir={self.data(name)}", f"--initial-cluster={together}", "--logger=zap"]
        return [self.etcd, f"--name={name}", *where, *urls]

    def _coordinator(self, name: str) -> list[str]:
        store = f"etcd://{self.etcd_endpoints()}/aya"
        signing = str(self.folder / f"{_KEY}.key")
        where = ("--admin", self.address(name, plan.ADMIN), "--store", store, "--signing-key", signing)
        return self._gslb("coordinator", name, Kind.COORDINATOR, name, "--name", name, *where)

    def _agent(self, site: str, name: str) -> list[str]:
        who = ("--site", site, "--name", "agent")
        return self._gslb("agent", name, Kind.AGENT, f"{site}/agent", *who, *self._coordinators())

    def _dns(self, name: str) -> list[str]:
        trusted = str(self.folder / f"{_KEY}.pub")
        where = ("--listen", self.address(name, 53), "--trusted-keys", trusted, *self._coordinators())
        return self._gslb("dns", name, Kind.DNS, name, "--name", name, *where)

    def _coordinators(self) -> list[str]:
        """Two of them, the third is found by itself."""
        return [word for name in plan.COORDINATORS[:2] for word in ("--coordinator", self.address(name, plan.ADMIN))]

    def _gslb(self, command: str, name: str, kind: Kind, certified: str, *arguments: str) -> list[str]:
        tls, metrics = str(self._tls(kind, certified)), self.address(name, plan.METRICS)
        common = ("--data", str(self.data(name)), "--tls", tls, "--metrics", metrics, "--log-level", "info")
        return [sys.executable, "-m", "gslb.cli", command, *arguments, *common]

    def _tls(self, kind: Kind, name: str) -> Path:
        return self.folder / "pki" / kind / name


def prepare(folder: Path, network: Network, members: Sequence[Member]) -> Programs:
    """Make certificates and keys."""
    init_folder(folder / "pki", "aya.test", _now())
    wanted = [(Kind.COORDINATOR, name) for name in plan.COORDINATORS] + [(Kind.DNS, name) for name in plan.DNS]
    wanted += [(Kind.AGENT, f"{site}/agent") for site in plan.AGENTS] + [(Kind.OPERATOR, OPERATOR)]
    server, control = etcd.programs()
    made = Programs(folder=folder, network=network, members=members, etcd=server, etcdctl=control)
    for kind, name in wanted:
        made.issue(kind, name)
    make_pair(folder, _KEY)
    return made


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)

"""What an operator may say of one coordinator when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gslb.coordinator.configuration.retention import DEFAULT_LIMITS, Limits
from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import LOOPBACK_ONLY, Security
from gslb.store.etcd.options import EtcdOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`listen`: for agents, dns servers and operators. `data`: folder for the store and its blobs.

    `metrics`: where /metrics, /livez and /readyz are served, None = nowhere. `config`: applied if the store is empty.
    `etcd`: the store, None = the embedded one in `data`. `advertise`: where agents, dns servers and other coordinators
    reach this one, as they are told; None = at `listen` where coordinators share etcd, else they are told nothing.
    `limits`: how many configurations are kept. `admins`: operators who may do everything, besides `admin`.
    `signing_key`: signs what dns servers are told; None: nobody does.
    """

    name: str
    listen: SocketAddress
    data: Path
    metrics: SocketAddress | None = None
    config: Path | None = None
    etcd: EtcdOptions | None = None
    limits: Limits = DEFAULT_LIMITS
    security: Security = LOOPBACK_ONLY
    admins: frozenset[str] = frozenset()
    signing_key: Path | None = None
    advertise: SocketAddress | None = None

    @property
    def folder(self) -> Path:
        return self.data / "coordinator"

    def advertised(self, port: int) -> str | None:
        """`port`: the one that is listened on."""
        if self.advertise is not None:
            return str(self.advertise)
        return str(SocketAddress(self.listen.host, port)) if self.etcd is not None else None

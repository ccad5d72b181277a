"""Where an etcd is and how to be let in. Secrets stay out of every text that is made of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gslb.runtime.addresses import SocketAddress

DEFAULT_PORT = 2379
FORM = "etcd://HOST:PORT[,HOST:PORT...]/PREFIX, as in etcd://10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379/aya"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM contents. `ca`: who signed the members' certificates. `cert` and `key`: ours, if etcd asks for one."""

    ca: bytes
    cert: bytes | None = None
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EtcdOptions:
    """`prefix`: all our keys begin with it and a slash. `tls` None: plain text."""

    endpoints: tuple[SocketAddress, ...]
    prefix: str
    tls: Tls | None = None
    login: Login | None = None

    @property
    def shows_password(self) -> bool:
        """The password would cross a network in plain text."""
        return (
            self.login is not None and self.tls is None and not all(endpoint.is_loopback for endpoint in self.endpoints)
        )


def parse_url(text: str) -> tuple[tuple[SocketAddress, ...], str]:
    """Endpoints and prefix. Raises ValueError with a sentence; user and password have no place in it."""
    parts = urlsplit(text)
    prefix = parts.path.strip("/")
    if parts.scheme != "etcd" or not parts.netloc or not prefix or parts.query or parts.fragment:
        raise ValueError(f"a store is {FORM}")
    if "@" in parts.netloc:
        raise ValueError("a store's address names no user: that is what --etcd-user and --etcd-password-file are for")
    return tuple(_endpoint(endpoint) for endpoint in parts.netloc.split(",")), prefix


def _endpoint(text: str) -> SocketAddress:
    has_port = text.rpartition(":")[2].isdigit() and (text.count(":") == 1 or "]:" in text)
    address = SocketAddress.parse(text if has_port else f"{text}:{DEFAULT_PORT}", default_host="")
    if not address.host or not address.port:
        raise ValueError(f"'{text}' is no endpoint: a store is {FORM}")
    return address

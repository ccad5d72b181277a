"""What every kind of probe has in common: how it is called, what it answers, how its failures are named."""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass
from typing import Protocol

from gslb.core.errors import GslbError
from gslb.core.facts import Cause
from gslb.core.model import IPAddress
from gslb.core.monitors import Monitor
from site_agent.probe.connection import Connection
from site_agent.probe.tls import TlsContexts


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer. `detail`: one clause for people. `connection`: still open, to be watched or asked on again."""

    detail: str
    connection: Connection | None


class ProbeFailed(GslbError):
    """The target did not answer as wanted; `detail` is one clause for people."""

    code = "probe-failed"

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


class Probe(Protocol):
    """One monitor's question to one target. Asked again and again, never twice at the same time (but a copy may be).

    `waiting_for`: what is missing now, so that a time-out can be told as "no connection within 1000 ms".
    """

    waiting_for: str

    async def ask(self, address: IPAddress, kept: Connection | None) -> Answer:
        """Ask once. The caller owns the time-out; what was opened is closed again when this raises.

        `kept`: the connection of the last good answer, which stays the caller's: a probe may ask on it instead of
        opening one, and then answers with it or closes it.
        Raises ProbeFailed, or OSError and ssl.SSLError as they come: `failure` names them.
        """


class MakeProbe(Protocol):
    """What a kind registers. `host`: the target's address or host name as configured. Raises InvalidSnapshot."""

    def __call__(self, monitor: Monitor, host: str, contexts: TlsContexts) -> Probe: ...


_OWN = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES})


def failure(error: OSError) -> ProbeFailed | None:
    """Name what the system or TLS reported; None where the agent itself cannot probe now, which blames nobody."""
    match error:
        case ssl.SSLCertVerificationError():
            why = error.verify_message.removesuffix(".")
            return ProbeFailed(Cause.TLS, f"certificate refused: {why[:1].lower()}{why[1:]}")
        case ssl.SSLError():
            return ProbeFailed(Cause.TLS, f"TLS failed: {(error.reason or str(error)).lower().replace('_', ' ')}")
        case ConnectionRefusedError():
            return ProbeFailed(Cause.REFUSED, "connection refused")
        case ConnectionError():
            return ProbeFailed(Cause.RESET, "connection reset")
        case TimeoutError():
            return ProbeFailed(Cause.TIMEOUT, "no connection, the system gave up")
    if error.errno in _OWN:
        return None
    if error.errno in _UNREACHABLE:
        return ProbeFailed(Cause.UNREACHABLE, (error.strerror or "unreachable").lower())
    return ProbeFailed(Cause.OTHER, (error.strerror or str(error)).lower())

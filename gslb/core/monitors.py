"""How members are probed, by the agents of their own site and by others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpProbe:
    """What an `http` monitor asks and expects.

    `host`: Host header and, with `tls`, SNI and the name the certificate must carry; None = the address.
    `status`: accepted inclusive ranges. `body`: text that the first 64 KiB of the body must contain.
    `keep`: send the next request on the watched connection instead of opening a fresh one.
    """

    tls: bool
    verify: bool
    host: str | None
    sni: str | None
    method: str
    path: str
    status: tuple[tuple[int, int], ...]
    body: str | None
    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpProbe:
    """A `tcp` monitor: the connection opens, with `tls` the handshake completes too."""

    tls: bool
    verify: bool
    sni: str | None


LEAST_QUORUM = 2
"""No single site takes out another site's members."""
MAX_QUORUM = 16
MAX_OBSERVERS = 64


class When(StrEnum):
    """When outside views count: only while a site's own agents are silent, or beside them."""

    SILENT = "silent"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """How other sites look at a monitor's members, at their public addresses.

    `observers`: sites that may, () = all. `sites`: how many of them probe each member. `quorum`: how many of those must
    have lost it, and none may still see it, for it to count as lost; None = more than half of them.
    """

    observers: tuple[str, ...]
    sites: int
    quorum: int | None
    when: When

    def needed(self, others: int) -> int:
        """Sites that must agree where `others` of them may look."""
        return self.quorum if self.quorum is not None else max(LEAST_QUORUM, min(self.sites, others) // 2 + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """How members are probed and when a verdict changes (design: gdnsd's rules).

    `fall` failures make DOWN, they need not be consecutive; `ok` successes in a row forget them. `rise` successes in a
    row after DOWN make RECOVERING, which becomes UP after `hold_ms` without a failure (doubling with flaps).
    `crash`: keep the last probe's connection open and treat its loss as a reason to confirm at once.
    `outside`: how other sites probe the members too; None = they do not. `down_after_ms`: how long the last verdict
    stands while nobody can renew it, None = for ever.
    """

    name: str
    port: int
    interval_ms: int
    timeout_ms: int
    fall: int
    rise: int
    ok: int
    hold_ms: int
    crash: bool
    outside: Outside | None = None
    down_after_ms: int | None = None
    probe: HttpProbe | TcpProbe

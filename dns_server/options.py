"""What an operator may say of one dns server when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gslb.runtime.addresses import SocketAddress
from gslb.runtime.tls import LOOPBACK_ONLY, Security


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`listen`: UDP and TCP each; port 0 takes a free one. `data`: last-known-good files stand in its folder `dns`.

    `take_over`: from the dns server that has the folder, if there is one. `hands_over`: lets another process do so.
    `metrics`: None = not served. `engine`: as for `make_engine`.
    `nsid`: told to who asks which server answers; None = `name`, empty = nothing is told. `cookie_secrets`: a file;
    None = a secret of its own. `trusted_keys`: of which one must have signed what is served; none = no matter who.
    `max_age_s`: after so long without any coordinator it answers SERVFAIL; None = it answers whatever its age.
    `break_glass`: a file of overrides, which need not exist; None = `break-glass.yaml` in `data`.
    """

    name: str
    listen: tuple[SocketAddress, ...]
    coordinators: tuple[SocketAddress, ...]
    data: Path
    metrics: SocketAddress | None = None
    engine: str = "auto"
    take_over: bool = False
    hands_over: bool = False
    nsid: str | None = None
    cookie_secrets: Path | None = None
    security: Security = LOOPBACK_ONLY
    trusted_keys: tuple[Path, ...] = ()
    break_glass: Path | None = None
    max_age_s: float | None = None

    @property
    def folder(self) -> Path:
        return self.data / "dns"

    @property
    def overrides_file(self) -> Path:
        return self.break_glass or self.data / "break-glass.yaml"

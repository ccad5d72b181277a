"""The files that operators may change while a dns server runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dns_server import break_glass, trusted_keys
from dns_server.cookie_secrets import CookieSecrets
from gslb.codec.sealing import Trust
from gslb.core.directives import Override
from gslb.runtime.watched import Watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Guides:
    cookie_secrets: CookieSecrets
    trust: Watched[Trust]
    break_glass: Watched[tuple[Override, ...]]

    @classmethod
    def read(cls, cookie_secrets: Path | None, trusted: Sequence[Path], overrides: Path, kept: Path) -> Guides:
        """`kept`: where to keep what `overrides` said last.

        Raises BadSecrets and BadKey; bad break-glass overrides are logged and counted."""
        return cls(
            cookie_secrets=CookieSecrets(cookie_secrets),
            trust=trusted_keys.watch(trusted),
            break_glass=break_glass.watch(overrides, kept),
        )

    @property
    def spoilt(self) -> str:
        """Which of them cannot be used now, so that what they said before counts, and why; empty = none."""
        return "; ".join(filter(None, (one.spoilt for one in (self.break_glass, self.trust, self.cookie_secrets))))

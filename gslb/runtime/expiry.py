"""How long our certificate still holds: a metric that moves with every renewal, and a warning in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Gauge

from gslb.runtime.logs import get_logger
from gslb.runtime.tls import Security, UnusableCertificate

WARN_S = 14 * 24 * 3600
LOOK_S = 60.0
WARN_EVERY_S = 12 * 3600


class Expiry:
    """`wall_clock`: Unix seconds. The metric is 0 while the files cannot be used."""

    def __init__(self, security: Security, registry: CollectorRegistry, wall_clock: Callable[[], int]) -> None:
        self._files = security.files
        self._wall_clock = wall_clock
        self._warned_s: int | None = None
        self._log = get_logger("tls")
        if self._files is not None:
            self._gauge = Gauge(
                "gslb_certificate_expiry_timestamp_seconds",
                "When our certificate ends, as Unix time; 0: it cannot be used",
                registry=registry,
            )

    async def run(self) -> None:
        """Until cancelled; at once over if there is no certificate."""
        while self._files is not None:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Read the files, set the metric, warn if it is time and it was not done lately."""
        if self._files is None:
            return
        try:
            expires_s, trouble = self._files.load().expires_unix_s, ""
        except UnusableCertificate as error:
            expires_s, trouble = 0, str(error)
        self._gauge.set(expires_s)
        now_s = self._wall_clock()
        if expires_s - now_s >= WARN_S:
            self._warned_s = None
        elif self._warned_s is None or now_s - self._warned_s >= WARN_EVERY_S:
            self._warned_s = now_s
            self._warn(trouble, expires_s - now_s)

    def _warn(self, trouble: str, left_s: int) -> None:
        if trouble:
            self._log.error("certificate cannot be used", reason=trouble)
        elif left_s <= 0:
            self._log.error("certificate has expired: `gslb pki renew` makes the next one")
        else:
            self._log.warning("certificate expires: `gslb pki renew` makes the next one", days=left_s // 86_400)

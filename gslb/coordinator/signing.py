"""Who signs what dns servers are told. The key's file is followed, so that a key is changed without a restart."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from gslb.codec.sealing import NO_SIGNER, Signer
from gslb.coordinator.relay.hub import Hub
from gslb.runtime.logs import get_logger
from gslb.runtime.signing_keys import load_signer
from gslb.runtime.watched import Watched

LOOK_S = 2.0


class Signing:
    """`path` None: nobody signs."""

    def __init__(self, path: Path | None) -> None:
        """Raises BadKey, ExposedFile."""
        self._file = None if path is None else _watch(path)

    @property
    def current(self) -> Signer:
        return self._file.current if self._file is not None else NO_SIGNER

    def troubles(self) -> tuple[str, ...]:
        """What an operator should know of the key."""
        if self._file is None or not self._file.spoilt:
            return ()
        spoilt = (
            "this coordinator cannot use a file on its machine and goes by what that said before, but would not start"
            f" again: {self._file.spoilt}"
        )
        return (spoilt,)

    async def follow(self, hub: Hub) -> None:
        """Let `hub` sign with what the file holds whenever it changes, until cancelled; a bad one changes nothing."""

        def changed() -> None:
            get_logger("coordinator").info("signing key changed", signs_with=self.current.key_id)
            hub.sign_with(self.current)

        if self._file is not None:
            await self._file.follow(changed, LOOK_S)


def _watch(path: Path) -> Watched[Signer]:
    return Watched("coordinator", "signing key", lambda: (path,), partial(load_signer, path))

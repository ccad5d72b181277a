"""Which keys may sign what this dns server serves: followed while it runs, so that keys roll over without a restart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gslb.codec.sealing import ANYBODY, Trust
from gslb.runtime.signing_keys import files_of, load_trust
from gslb.runtime.watched import Watched

LOOK_S = 2.0


def watch(paths: Sequence[Path]) -> Watched[Trust]:
    """`paths`: as for `load_trust`; none = any envelope is taken. Raises BadKey."""
    return Watched(
        "dns",
        "trusted keys",
        lambda: [file for path in paths for file in files_of(path)],
        lambda: load_trust(paths) if paths else ANYBODY,
    )

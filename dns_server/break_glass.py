"""The break-glass file: overrides for this dns server alone, which need no control plane and beat everything.

A bad file changes nothing: what it said before stays in force until it is mended or removed, over a restart too, for
which what it said last is kept among the dns server's own files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path

from gslb.core.directives import Override
from gslb.core.errors import GslbError
from gslb.runtime.logs import get_logger
from gslb.runtime.secrets import read_unchangeable
from gslb.runtime.watched import Watched

LOOK_S = 1.0
DIGEST_BYTES = 8


class BadBreakGlass(GslbError):
    """The file cannot be read."""

    code = "bad-break-glass"


def watch(path: Path, kept: Path) -> Watched[tuple[Override, ...]]:
    """Its overrides, now and as it changes; none where there is no file. `kept`: where what it said last is kept."""
    return Watched("dns", "break-glass file", lambda: (path,), partial(_load_and_keep, path, kept), default=_kept(kept))


def _load_and_keep(path: Path, kept: Path) -> tuple[Override, ...]:
    overrides = load(path)
    if overrides != _kept(kept):
        try:
            _keep(kept, overrides)
        except OSError as error:
            get_logger("dns").error("break-glass overrides not kept", file=str(kept), reason=error.strerror)
    return overrides


def _kept(path: Path) -> tuple[Override, ...]:
    try:
        return load(path)
    except GslbError as error:
        get_logger("dns").error("break-glass overrides of before not known", reason=str(error))
        return ()


def _keep(path: Path, overrides: Iterable[Override]) -> None:
    """As a break-glass file, whole or not at all."""
    said = [
        {str(one.scope.kind): one.scope.name, "action": one.action, "why": one.why, "who": one.who} for one in overrides
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({"overrides": said}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def load(path: Path) -> tuple[Override, ...]:
    """Raises BadBreakGlass, ExposedFile, and ConfigErrors for what is written there."""
    try:
        content = read_unchangeable(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadBreakGlass(f"{path}: {error.strerror or error}") from None
    # Only here, so that a dns server without such a file starts without the whole configuration language.
    from gslb.config.break_glass import load_break_glass

    return load_break_glass(content, str(path))


def digest_of(overrides: Iterable[Override]) -> bytes:
    """What tells one set of overrides from another; empty for none."""
    texts = [f"{one.scope} {one.action} {one.who!r} {one.why!r}\n" for one in overrides]
    return sha256("".join(texts).encode()).digest()[:DIGEST_BYTES] if texts else b""

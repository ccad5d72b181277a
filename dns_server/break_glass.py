"""The break-glass file: overrides for this dns server alone, which need no control plane and beat everything.

A bad file changes nothing: what it said before stays in force, until it is mended or removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from hashlib import sha256
from pathlib import Path

from dns_server.watched import Watched
from gslb.core.directives import Override
from gslb.core.errors import GslbError
from gslb.runtime.secrets import read_unchangeable

LOOK_S = 1.0
DIGEST_BYTES = 8


class BadBreakGlass(GslbError):
    """The file cannot be read."""

    code = "bad-break-glass"


def watch(path: Path) -> Watched[tuple[Override, ...]]:
    """Its overrides, now and as it changes; none where there is no file."""
    return Watched("break-glass file", lambda: (path,), partial(load, path), default=())


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

"""The client's side of Apply: offer files by hash, send what the coordinator lacks, hear the result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from gslb.api.v1 import admin_pb2
from gslb.config import DiskSource, Loaded, Problem, load
from gslb.core.errors import GslbError

if TYPE_CHECKING:
    from gslb.api.v1.admin_pb2_grpc import AdminAsyncStub

PIECE_BYTES = 512 * 1024
APPLY_TIMEOUT_S = 120.0

Progress = Callable[[int, int], None]
"""Called with (bytes sent, bytes to send)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What goes beside a configuration. `expected_revision`: 0 = any. `now`: to all dns servers at once."""

    author: str
    message: str = ""
    expected_revision: int = 0
    dry_run: bool = False
    now: bool = False


class CoordinatorGone(GslbError):
    """The call ended without a result: nothing is known about the outcome."""

    code = "coordinator-gone"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The coordinator refused the configuration as a whole."""

    problems: tuple[Problem, ...]


def read(config: Path) -> Loaded:
    """Load from disk what `apply` will send. Raises ConfigErrors."""
    return load(DiskSource(config.parent), config.name)


async def apply(
    stub: AdminAsyncStub, config: Path, loaded: Loaded, change: Change, progress: Progress = lambda sent, of: None
) -> admin_pb2.Applied | Refusal:
    """Send `config` with all it names.

    Raises OSError for a file that cannot be read, grpc.aio.AioRpcError when the call fails: then `gslb get` tells what
    is in force.
    """
    contents = {name: (config.parent / name).read_bytes() for name in (*loaded.files, *loaded.model.geo.databases)}
    digests = {name: hashlib.sha256(content).digest() for name, content in contents.items()}
    call = stub.Apply(timeout=APPLY_TIMEOUT_S)
    offered = [
        admin_pb2.OfferedFile(path=name, sha256=digests[name], size_bytes=len(content))
        for name, content in contents.items()
    ]
    await call.write(
        admin_pb2.ApplyRequest(
            offer=admin_pb2.Offer(
                files=offered,
                author=change.author,
                message=change.message,
                expected_revision=change.expected_revision,
                dry_run=change.dry_run,
                now=change.now,
            )
        )
    )
    answer = await _read(call)
    if answer.WhichOneof("message") == "wanted":
        by_digest = {digests[name]: content for name, content in contents.items()}
        for piece in _pieces([by_digest[digest] for digest in answer.wanted.sha256], progress):
            await call.write(admin_pb2.ApplyRequest(data=piece))
        await call.done_writing()
        answer = await _read(call)
    if answer.WhichOneof("message") == "refused":
        return Refusal(load_problems(answer.refused))
    return answer.applied


def load_problems(refused: admin_pb2.Refused) -> tuple[Problem, ...]:
    return tuple(Problem(file=p.file, line=p.line, column=p.column, text=p.text) for p in refused.problems)


Call = grpc.aio.StreamStreamCall[admin_pb2.ApplyRequest, admin_pb2.ApplyResponse]


async def _read(call: Call) -> admin_pb2.ApplyResponse:
    answer = await call.read()
    if not isinstance(answer, admin_pb2.ApplyResponse):
        raise CoordinatorGone("the coordinator ended the call without a result; `gslb get` tells what is in force")
    return answer


def _pieces(contents: list[bytes], progress: Progress) -> Iterator[admin_pb2.FileData]:
    total, sent = sum(map(len, contents)), 0
    for content in contents:
        digest = hashlib.sha256(content).digest()
        for offset in range(0, max(len(content), 1), PIECE_BYTES):
            piece = content[offset : offset + PIECE_BYTES]
            yield admin_pb2.FileData(sha256=digest, offset=offset, content=piece)
            sent += len(piece)
            progress(sent, total)

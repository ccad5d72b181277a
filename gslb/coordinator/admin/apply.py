"""The calls that put a configuration in force: Apply, from files that are offered, and Rollback, from kept ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias, TypedDict

import grpc

from gslb.api.v1 import admin_pb2 as pb
from gslb.codec.facts import dump_order
from gslb.config import ConfigErrors, Problem
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.callers import Caller
from gslb.coordinator.configuration.contents import Contents, offered_files, texts
from gslb.coordinator.configuration.history import Record
from gslb.coordinator.configuration.keeper import Configuration
from gslb.coordinator.configuration.offer import Offer, Outcome
from gslb.coordinator.metrics import Metrics
from gslb.coordinator.refusals import RpcRefused, invalid
from gslb.coordinator.relay.streams import first, next_in_time, write

MAX_APPLIES = 4
PIECE_TIMEOUT_S = 30.0
MAX_AUTHOR_CHARACTERS = 200
MAX_MESSAGE_CHARACTERS = 2_000
Stream: TypeAlias = "grpc.aio.ServicerContext[pb.ApplyRequest, pb.ApplyResponse]"


class Result(TypedDict, total=False):
    """One of the two, as fields of a response."""

    applied: pb.Applied
    refused: pb.Refused


class ApplyCall:
    """`refused`: where attempts go that the configuration itself ends."""

    def __init__(self, configuration: Configuration, metrics: Metrics, refused: Callable[[Note, str], None]) -> None:
        self._configuration = configuration
        self._refused = refused
        self._metrics = metrics
        self._under_way = 0

    async def __call__(self, stream: Stream, caller: Caller) -> None:
        """An offer of files by hash, the contents that are lacking, one result."""
        with self._place():
            offer = _load_offer(await first(stream, "offer"), caller)
            known = texts(await self._configuration.record(0))
            with self._configuration.offered(offer.files, known) as contents:
                await _receive(contents, stream)
                result = await self._apply(offer, contents)
                await write(stream, pb.ApplyResponse(**result))

    async def rollback(self, record: Record, request: pb.RollbackRequest, caller: Caller) -> pb.RollbackResponse:
        """Apply the contents of `record` as a new revision. FAILED_PRECONDITION when some of them are gone."""
        offer = Offer(
            files=record.files,
            author=caller.author(request.author)[:MAX_AUTHOR_CHARACTERS],
            message=request.message[:MAX_MESSAGE_CHARACTERS] or f"roll back to revision {record.revision}",
            expected_revision=request.expected_revision,
            dry_run=request.dry_run,
            now=request.now,
            note=caller.note(_action("rollback", request.dry_run), f"to {record.revision} {request.message}".rstrip()),
        )
        with self._place():
            async with self._configuration.recalled(record) as contents:
                _check_whole(record, contents)
                return pb.RollbackResponse(**await self._apply(offer, contents))

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the few that there are."""
        if self._under_way >= MAX_APPLIES:
            raise RpcRefused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MAX_APPLIES} applies are under way: try again in a moment"
            )
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _apply(self, offer: Offer, contents: Contents) -> Result:
        try:
            with self._metrics.apply_seconds.time():
                outcome = await self._configuration.apply(offer, contents)
        except ConfigErrors as errors:
            self._metrics.applies.labels("refused").inc()
            self._refused(offer.note, str(errors))
            return Result(refused=pb.Refused(problems=map(_dump_problem, errors.problems)))
        except BaseException:
            self._metrics.applies.labels("failed").inc()
            raise
        self._metrics.applies.labels(_label(offer, outcome)).inc()
        applied = pb.Applied(
            order=dump_order(outcome.order), unchanged=outcome.unchanged, warnings=map(str, outcome.warnings)
        )
        return Result(applied=applied)


def _check_whole(record: Record, contents: Contents) -> None:
    wanted = frozenset(contents.wanted())
    if gone := [file.path for file in record.files if file.sha256 in wanted]:
        raise RpcRefused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"configuration {record.revision} cannot be applied again, of its files {', '.join(gone[:5])} are gone:"
            f" write the others with `gslb get {record.revision}`, add those, and `gslb apply`",
        )


async def _receive(contents: Contents, stream: Stream) -> None:
    """Ask for what is lacking and take it in."""
    missing = contents.wanted()
    await write(stream, pb.ApplyResponse(wanted=pb.Wanted(sha256=missing)))
    left = len(missing)
    while left:
        message = await next_in_time(stream, PIECE_TIMEOUT_S, "content")
        if message is None or not message.HasField("data"):
            raise invalid("contents that were asked for are missing: send every one, then wait for the result")
        left -= await asyncio.to_thread(contents.add, message.data)


def _load_offer(message: pb.ApplyRequest, caller: Caller) -> Offer:
    if not message.HasField("offer"):
        raise invalid("the first message must be an `offer` of files")
    return Offer(
        files=offered_files(message.offer),
        author=caller.author(message.offer.author)[:MAX_AUTHOR_CHARACTERS],
        message=message.offer.message[:MAX_MESSAGE_CHARACTERS],
        expected_revision=message.offer.expected_revision,
        dry_run=message.offer.dry_run,
        now=message.offer.now,
        note=caller.note(_action("apply", message.offer.dry_run), message.offer.message),
    )


def _action(verb: str, dry_run: bool) -> str:
    return f"{verb}, dry run" if dry_run else verb


def _label(offer: Offer, outcome: Outcome) -> str:
    return "dry_run" if offer.dry_run else "unchanged" if outcome.unchanged else "applied"


def _dump_problem(problem: Problem) -> pb.ConfigProblem:
    return pb.ConfigProblem(file=problem.file, line=problem.line, column=problem.column, text=problem.text)

"""What is asked for: a configuration, or the end of its trial; and what is refused before anything is built."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from gslb import __version__
from gslb.config import Problem
from gslb.coordinator.audit.entry import Note
from gslb.coordinator.configuration.history import Current, File, Record
from gslb.coordinator.refusals import RpcRefused
from gslb.core.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`expected_revision` 0: whatever is in force. `dry_run`: only say what would be. `note`: for the audit trail.

    `now`: to all dns servers at once.
    """

    files: tuple[File, ...]
    author: str
    message: str
    note: Note
    expected_revision: int = 0
    dry_run: bool = False
    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`unchanged`: the same content was in force already."""

    order: Order
    unchanged: bool
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class End:
    """Of the trial of a configuration. `who`: the operator who wants it; '' = a coordinator, which has seen enough."""

    revision: int
    note: Note
    who: str = ""
    reason: str = ""


def check_no_trial(current: Current) -> None:
    if current.candidate is not None and current.rollout is not None:
        raise RpcRefused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"configuration {current.candidate.revision} is on trial at dns server {current.rollout.first}: wait for"
            " the end of that, or end it by `gslb rollout continue` or `gslb rollout abort`",
        )


def check_expected(offer: Offer, current: Current) -> None:
    revision = current.newest.revision if current.newest else 0
    if offer.expected_revision and offer.expected_revision != revision:
        state = "on trial" if current.candidate is not None else "in force"
        raise RpcRefused(
            grpc.StatusCode.ABORTED,
            f"configuration {revision} is {state}, not {offer.expected_revision}: see what changed, then apply again",
        )


def is_same(record: Record, files: tuple[File, ...]) -> bool:
    """Compiled by this version from the same main file and the same contents."""
    before = [(file.path, file.sha256) for file in record.files]
    now = [(file.path, file.sha256) for file in files]
    return record.program == __version__ and before[0] == now[0] and set(before) == set(now)

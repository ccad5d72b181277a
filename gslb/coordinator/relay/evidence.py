"""The evidence that agents give for their states, kept as it came: whole every few seconds, and seldom looked at.

It is for people (status); decisions never read it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gslb.api.v1 import health_pb2 as pb
from gslb.core.errors import GslbError

MAX_DETAIL_CHARACTERS = 200


class BadEvidence(GslbError):
    """Columns that do not belong together."""

    code = "bad-evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands behind one state; ages as they were at `received_s` of this node's monotonic clock."""

    detail: str
    latency_us: int
    verdict_age_ms: int
    probe_age_ms: int
    flaps: int
    received_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One message: row i is about `targets[i]`. Each column is a tuple, since reading protobuf's own is slow."""

    targets: tuple[int, ...]
    texts: tuple[str, ...]
    details: tuple[int, ...]
    latencies_us: tuple[int, ...]
    verdict_ages_ms: tuple[int, ...]
    probe_ages_ms: tuple[int, ...]
    flaps: tuple[int, ...]
    received_s: float

    def row(self, number: int) -> Evidence:
        return Evidence(
            detail=self.texts[self.details[number]],
            latency_us=self.latencies_us[number],
            verdict_age_ms=self.verdict_ages_ms[number],
            probe_age_ms=self.probe_ages_ms[number],
            flaps=self.flaps[number],
            received_s=self.received_s,
        )


def load_sheet(message: pb.Evidence, received_s: float) -> Sheet:
    """Raises BadEvidence."""
    sheet = Sheet(
        targets=tuple(message.targets),
        texts=tuple(text[:MAX_DETAIL_CHARACTERS] for text in message.texts),
        details=tuple(message.details),
        latencies_us=tuple(message.latencies_us),
        verdict_ages_ms=tuple(message.verdict_ages_ms),
        probe_ages_ms=tuple(message.probe_ages_ms),
        flaps=tuple(message.flaps),
        received_s=received_s,
    )
    columns = (sheet.details, sheet.latencies_us, sheet.verdict_ages_ms, sheet.probe_ages_ms, sheet.flaps)
    if any(len(column) != len(sheet.targets) for column in columns) or len(sheet.texts) > len(sheet.targets):
        raise BadEvidence("the columns of evidence differ in length")
    if max(sheet.details, default=-1) >= len(sheet.texts):
        raise BadEvidence("evidence names a text that is not in it")
    return sheet


class Witness:
    """The newest row about each of the `targets` of one layout."""

    def __init__(self, layout: bytes, targets: int) -> None:
        self.layout = layout
        self._rows: list[tuple[Sheet, int] | None] = [None] * targets

    def take(self, sheet: Sheet) -> int:
        """How many rows were about none of them."""
        misfits = 0
        for number, target in enumerate(sheet.targets):
            if target < len(self._rows):
                self._rows[target] = sheet, number
            else:
                misfits += 1
        return misfits

    def of(self, target: int) -> Evidence | None:
        found = self._rows[target] if target < len(self._rows) else None
        return None if found is None else found[0].row(found[1])

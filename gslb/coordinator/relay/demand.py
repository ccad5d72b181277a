"""What dns servers say was asked for: checked, put under names, and made into the demand of the moment once a beat."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gslb.api.v1 import discovery_pb2 as pb
from gslb.codec.facts import load_order
from gslb.coordinator.metrics import Metrics
from gslb.core.demand import MAX_PAIRS, Demand, Pair, advance
from gslb.core.errors import GslbError
from gslb.core.order import Order
from gslb.core.snapshot import Snapshot

MAX_TOLD = 4_096
"""Pairs that a dns server may tell apart at a time."""
MAX_ANSWERS = 1 << 40
"""In one message: more than any dns server answers before it is asked again."""
MAX_GATHERED = 2 * MAX_PAIRS
"""Pairs that are told apart within a beat."""
MOST_SHOWN = 20
"""Services with a time series of their own."""

Find = Callable[[Order], Snapshot | None]


class BadDemand(GslbError):
    """A dns server's words that make no sense here; `reason` is one of few."""

    code = "bad-demand"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Demands:
    """The one owner of the demand. `find` gives the snapshot of an order. `clock` is monotonic."""

    def __init__(self, find: Find, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._find = find
        self._metrics = metrics
        self._clock = clock
        self._answers: Counter[Pair] = Counter()
        self._other = 0
        self._demand = Demand(at_s=clock())

    @property
    def now(self) -> Demand:
        """As of the last beat."""
        return self._demand

    def take(self, message: pb.Demand) -> None:
        """Add what one dns server says; all of it is refused and counted if anything in it is wrong."""
        try:
            told = load_demand(message, self._find)
        except BadDemand as error:
            self._metrics.demand_refused.labels(error.reason).inc()
            return
        for pair, count in told:
            if pair in self._answers or len(self._answers) < MAX_GATHERED:
                self._answers[pair] += count
            else:
                self._other += count
        self._other += message.rest
        self._metrics.demand_answers.inc(sum(message.answers) + message.rest)

    async def beat(self) -> None:
        """Let what came since the last beat count; in a thread, for it may take some ms."""
        now_s = self._clock()
        if now_s > self._demand.at_s:
            answers, self._answers = self._answers, Counter()
            other, self._other = self._other, 0
            self._demand = await asyncio.to_thread(advance, self._demand, answers, other, now_s)


def load_demand(message: pb.Demand, find: Find) -> list[tuple[Pair, int]]:
    """Answers under names, whose sum with the rest is sane. Raises BadDemand."""
    count = len(message.answers)
    if not len(message.services) == len(message.classes) == count:
        raise BadDemand("unequal lengths")
    if count > MAX_TOLD:
        raise BadDemand("too many pairs")
    if sum(message.answers) + message.rest > MAX_ANSWERS:
        raise BadDemand("too many answers")
    if not count:
        return []
    snapshot = find(load_order(message.order))
    if snapshot is None:
        raise BadDemand("unknown snapshot")
    try:
        pairs = [_pair(snapshot, *numbers) for numbers in zip(message.services, message.classes, strict=True)]
    except IndexError:
        raise BadDemand("no such service or class") from None
    return list(zip(pairs, message.answers, strict=True))


def _pair(snapshot: Snapshot, service: int, cls: int) -> Pair:
    found = snapshot.model.services[service]
    return Pair(found.name, snapshot.classes[found.policy].keys[cls])


class DemandCollector(Collector):
    """The demand as metrics: a series for each of the services asked for most, one for all others together."""

    def __init__(self, demands: Demands) -> None:
        self._demands = demands

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(
            "gslb_coordinator_demand_queries_per_second",
            f"Answers of services a second; all but the {MOST_SHOWN} largest are service other",
            labels=("service",),
        )
        demand = self._demands.now
        rates = Counter({service: sum(classes.values()) for service, classes in demand.by_service().items()})
        largest = rates.most_common()
        for service, rate in islice(largest, MOST_SHOWN):
            family.add_metric((str(service),), rate)
        family.add_metric(("other",), demand.other + sum(rate for _, rate in islice(largest, MOST_SHOWN, None)))
        yield family

"""The dns server's metrics: read from plain counters when Prometheus asks, so that queries pay nothing for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from dns_server.demand import Demand
from dns_server.engines.answers import MOST_PAIRS, Answers
from dns_server.engines.base import Counters, Engine
from dns_server.engines.latency import Latency
from dns_server.files import Files
from dns_server.freshness import Freshness
from dns_server.guides import Guides
from dns_server.replica import Replica
from dns_server.self_query import SelfQuery
from gslb.core.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers come from. `beat_s`: when each coordinator was last heard, by the clock `now_s` reads."""

    engine: Engine
    replica: Replica
    files: Files
    guides: Guides
    freshness: Freshness
    self_query: SelfQuery
    demand: Demand
    beat_s: Mapping[str, float]
    now_s: Callable[[], float]


class DnsCollector(Collector):
    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterable[Metric]:
        counters = self._sources.engine.counters
        yield InfoMetricFamily("gslb_dns_engine", "What answers the queries.", {"name": self._sources.engine.name})
        yield from _queries(counters)
        yield _latency(counters.latency)
        yield from _answers(self._sources.engine.answers())
        yield from _demand(self._sources.demand)
        yield from _connections(counters)
        yield from _feed(self._sources)
        yield from _decisions(self._sources.replica)
        yield from _saved(self._sources.files)
        yield CounterMetricFamily(
            "gslb_dns_refused_cookie_secrets",
            "Files of cookie secrets found unusable.",
            value=self._sources.guides.cookie_secrets.refused,
        )
        yield from _guides(self._sources)


def _queries(counters: Counters) -> Iterator[Metric]:
    queries = CounterMetricFamily("gslb_dns_queries", "Queries answered.", labels=("transport", "type", "rcode"))
    for kind, count in counters.queries.items():
        queries.add_metric((kind.transport, kind.rrtype, kind.rcode), count)
    yield queries
    limited = CounterMetricFamily("gslb_dns_limited_answers", "Beyond a rate limit.", labels=("limit", "action"))
    for kept, count in counters.limited.items():
        limited.add_metric(kept, count)
    yield limited
    yield _counted("gslb_dns_dropped_packets", "Packets without a reply.", "reason", counters.dropped)
    yield _counted("gslb_dns_malformed_queries", "Queries answered with an error.", "reason", counters.malformed)
    yield CounterMetricFamily("gslb_dns_truncated_replies", "Replies with TC.", value=counters.truncated)
    yield CounterMetricFamily("gslb_dns_ecs_queries", "Queries with a client subnet.", value=counters.ecs)
    yield _counted("gslb_dns_cookies", "COOKIE options by what became of them.", "outcome", counters.cookies)
    yield CounterMetricFamily("gslb_dns_received_bytes", "Octets of queries.", value=counters.received_bytes)
    yield CounterMetricFamily("gslb_dns_sent_bytes", "Octets of replies.", value=counters.sent_bytes)


def _latency(latency: Mapping[str, Latency]) -> Metric:
    family = HistogramMetricFamily(
        "gslb_dns_latency_seconds", "From receiving a query to sending its answer.", labels=("transport",)
    )
    for transport, counted in latency.items():
        cumulative = list(accumulate(counted.buckets))
        buckets = [(repr((1 << power) / 1e6), count) for power, count in enumerate(cumulative[:-1])]
        family.add_metric((transport,), [*buckets, ("+Inf", cumulative[-1])], counted.sum_us / 1e6)
    return family


def _answers(answers: Answers) -> Iterator[Metric]:
    family = CounterMetricFamily(
        "gslb_dns_answers",
        f"Answers of services by pool (none where no pool answered); all but {MOST_PAIRS} pairs are service other.",
        labels=("service", "pool"),
    )
    for (service, pool), count in answers.named.items():
        family.add_metric((str(service), pool or ""), count)
    family.add_metric(("other", ""), answers.other)
    yield family
    yield GaugeMetricFamily(
        "gslb_dns_answers_folded_pairs", "Pairs of service and pool that are in service other.", value=answers.folded
    )


def _demand(demand: Demand) -> Iterator[Metric]:
    told = CounterMetricFamily(
        "gslb_dns_demand_answers",
        "Answers of services told to coordinators, by service and class or not.",
        labels=("told",),
    )
    told.add_metric(("by service and class",), demand.named)
    told.add_metric(("in sum",), demand.rest)
    yield told
    yield CounterMetricFamily(
        "gslb_dns_demand_dropped", "Messages on demand that a coordinator took too slowly.", value=demand.dropped
    )


def _connections(counters: Counters) -> Iterator[Metric]:
    yield GaugeMetricFamily("gslb_dns_tcp_connections", "TCP connections open now.", value=counters.connections)
    yield CounterMetricFamily("gslb_dns_tcp_accepted_connections", "TCP connections opened.", value=counters.accepted)
    yield _counted("gslb_dns_tcp_closed_connections", "TCP connections this side ended.", "reason", counters.closed)


def _feed(sources: Sources) -> Iterator[Metric]:
    replica = sources.replica
    yield _order(replica.order)
    yield from _age(sources)
    silence = GaugeMetricFamily(
        "gslb_dns_coordinator_silence_seconds", "Since a coordinator was heard.", labels=("coordinator",)
    )
    for coordinator, last_s in sources.beat_s.items():
        silence.add_metric((coordinator,), sources.now_s() - last_s)
    yield silence
    yield _counted(
        "gslb_dns_feed_refused",
        "Snapshots, directives and other messages not taken.",
        "reason",
        replica.progress.refused,
    )
    yield _counted("gslb_dns_reports", "Agents' reports by what became of them.", "outcome", replica.progress.reports)
    yield GaugeMetricFamily(
        "gslb_dns_self_query_wrong",
        "1: what it is answered by itself is wrong.",
        value=bool(sources.self_query.trouble),
    )
    yield CounterMetricFamily(
        "gslb_dns_self_queries_wrong", "Looks at itself that found wrong answers.", value=sources.self_query.failed
    )
    yield GaugeMetricFamily("gslb_dns_silent_agents", "Agents nobody hears.", value=len(replica.premises.silent))


def _age(sources: Sources) -> Iterator[Metric]:
    fresh = sources.freshness
    from_files = sources.replica.has_snapshot and not fresh.is_heard
    yield GaugeMetricFamily("gslb_dns_age_seconds", "Since a coordinator was heard, over restarts.", value=fresh.age_s)
    yield GaugeMetricFamily("gslb_dns_from_files", "1: all that serves is from files.", value=from_files)
    yield GaugeMetricFamily("gslb_dns_withheld", "1: too old, all answers are SERVFAIL.", value=fresh.is_too_old)


def _order(order: Order) -> Metric:
    family = GaugeMetricFamily("gslb_dns_order", "Order of what serves, number by number.", labels=("number",))
    for name, value in (("incarnation", order.incarnation), ("config", order.config), ("directive", order.directive)):
        family.add_metric((name,), value)
    return family


def _decisions(replica: Replica) -> Iterator[Metric]:
    progress = replica.progress
    yield SummaryMetricFamily(
        "gslb_dns_decision_seconds",
        "From changed facts or directives to a decision.",
        count_value=progress.decisions,
        sum_value=progress.decisions_s,
    )
    yield GaugeMetricFamily(
        "gslb_dns_decision_longest_seconds", "The longest so far.", value=progress.longest_decision_s
    )


def _guides(sources: Sources) -> Iterator[Metric]:
    keys, glass = sources.guides.trust, sources.guides.break_glass
    yield GaugeMetricFamily(
        "gslb_dns_trusted_keys", "Keys that may sign; 0: no matter who.", value=len(keys.current.keys)
    )
    yield CounterMetricFamily(
        "gslb_dns_refused_trusted_keys", "Times the keys were found unusable.", value=keys.refused
    )
    yield GaugeMetricFamily(
        "gslb_dns_break_glass_overrides", "Overrides of the break-glass file in force.", value=len(glass.current)
    )
    yield GaugeMetricFamily(
        "gslb_dns_break_glass_unknown_overrides",
        "Of these, of nothing in the configuration.",
        value=len(sources.replica.unknown_scopes()),
    )
    yield GaugeMetricFamily(
        "gslb_dns_break_glass_bad",
        "1: the file is wrong, what it said before is in force.",
        value=bool(glass.spoilt),
    )
    yield CounterMetricFamily(
        "gslb_dns_refused_break_glass_files", "Break-glass files found unusable.", value=glass.refused
    )


def _saved(files: Files) -> Iterator[Metric]:
    yield _counted("gslb_dns_saved_files", "Last-known-good files written.", "kind", files.written)
    yield _counted("gslb_dns_unwritten_files", "Last-known-good files the disk refused.", "kind", files.unwritten)
    yield _counted("gslb_dns_unreadable_files", "Last-known-good files found unusable.", "kind", files.unreadable)


def _counted(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, count in counts.items():
        family.add_metric((value,), count)
    return family

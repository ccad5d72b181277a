"""What an agent counts about itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DURATIONS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_LAGS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class AgentMetrics:
    """One per agent. Labels are from small closed sets, never names of targets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.probes = Counter("gslb_agent_probes", "Probes that ended, by how.", ("kind", "cause"), registry=registry)
        self.duration_s = Histogram(
            "gslb_agent_probe_duration_seconds",
            "From the start of a probe to its end.",
            ("kind",),
            buckets=_DURATIONS_S,
            registry=registry,
        )
        self.schedule_lag_s = Histogram(
            "gslb_agent_schedule_lag_seconds",
            "How much later than due probes started.",
            buckets=_LAGS_S,
            registry=registry,
        )
        self.abandoned = Counter(
            "gslb_agent_probes_abandoned",
            "Probes that said nothing about their target, because the agent itself was late or out of resources.",
            ("reason",),
            registry=registry,
        )
        self.denied = Counter(
            "gslb_agent_probes_denied", "Probes that the agent's own policy refused.", registry=registry
        )
        self.lost = Counter(
            "gslb_agent_watched_connections_lost",
            "Watched connections that ended: confirmed as a crash, harmless, or ignored.",
            ("outcome",),
            registry=registry,
        )
        self.targets = Gauge("gslb_agent_targets", "Targets by verdict.", ("verdict",), registry=registry)
        self.connected = Gauge(
            "gslb_agent_connected_coordinators", "Coordinators that take reports now.", registry=registry
        )
        self.disconnects = Counter(
            "gslb_agent_disconnects", "Streams to coordinators that ended or could not be opened.", registry=registry
        )
        self.reports = Counter("gslb_agent_reports", "Registers sent, over all coordinators.", registry=registry)
        self.assignments = Counter(
            "gslb_agent_assignments", "Assignments received: applied, old or refused.", ("outcome",), registry=registry
        )
        self.loop_lag_s = Gauge(
            "gslb_agent_loop_lag_seconds", "Worst lag of the event loop in the last second.", registry=registry
        )
        self.sick = Gauge("gslb_agent_sick", "1 while the agent doubts its own time-outs.", registry=registry)

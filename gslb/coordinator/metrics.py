"""What the coordinator counts. Everything late, dropped or refused has a counter."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gslb.core.order import Order


class Metrics:
    """One instance a coordinator, registered in its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"gslb_coordinator_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"gslb_coordinator_{name}", text, labels, registry=registry)

        self.reports = counter("reports", "Reports of agents; late ones lost to a newer register", "site", "outcome")
        self.relays = counter("relays", "Registers handed to the streams of dns servers", "site")
        self.relayed = counter("relayed", "Reports that other coordinators told; late ones were known here", "outcome")
        self.leads = gauge("leads", "1 while this coordinator leads")
        self.watches = gauge("watches", "1 while this coordinator watches the first dns server of a trial")
        self.held_up = counter("reports_held_up", "Times an agent that reports too often was made to wait", "site")
        self.evidence_dropped = counter("evidence_dropped", "Evidence items that fit no target of the layout")
        self.chunks_unknown = counter("chunks_unknown", "Chunks that dns servers asked for and no manifest names")
        self.acks = counter("acks", "What dns servers said of snapshots and directives", "answer")
        self.demand_answers = counter("demand_answers", "Answers of services that dns servers told of")
        self.demand_refused = counter("demand_refused", "Messages on demand that make no sense here", "reason")
        self.refused = counter("refused", "Calls ended with an error", "method", "code")
        self.handshakes = counter("handshakes", "TLS handshakes begun; those that no call follows were refused")
        self.denied = counter("denied", "Calls refused for who made them", "method", "reason")
        self.audit_dropped = counter(
            "audit_dropped", "Refused attempts and the like that are not in the audit trail: too many, or no store"
        )
        self.applies = counter("applies", "Applied configurations", "outcome")
        self.rollouts = counter("rollouts", "Trials at a first dns server that this coordinator ended", "outcome")
        self.on_trial = gauge("on_trial", "1 while one dns server has a configuration that the others have not")
        self.overrides = counter("overrides", "Overrides set, cleared and ended by time", "change")
        self.failbacks = counter(
            "failbacks",
            "Members noted down where they do not come back by themselves, released, and ramps ended",
            "change",
        )
        self.latches = gauge("latches", "Members that were down and have not wholly come back", "state")
        self.streams = gauge("streams", "Open streams", "service")
        self.order = gauge("order", "The order in force, number by number", "number")
        self.silent_agents = gauge("silent_agents", "Agents with a register that were not heard for three beats")
        self.store_unavailable = gauge("store_unavailable", "1 while the store cannot be read")
        self.alarms = gauge("alarms", "Alarms in force")
        self.apply_seconds = Histogram(
            "gslb_coordinator_apply_seconds",
            "From the last byte of an apply to its acknowledgement",
            registry=registry,
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
        )

    def show_order(self, order: Order) -> None:
        self.order.labels("incarnation").set(order.incarnation)
        self.order.labels("config").set(order.config)
        self.order.labels("directive").set(order.directive)

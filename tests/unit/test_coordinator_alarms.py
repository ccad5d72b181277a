"""What coordinators raise as alarms, by a clock that tests move, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from support.dnsworld import CONFIG, facts_of, make_snapshot
from support.hubs import US1, US2, Clock, make_hub, publication, register, reporting

from gslb.codec.snapshot import dump_snapshot
from gslb.coordinator.admin.alarms import MAX_SERVICES, raise_alarms
from gslb.coordinator.admin.decider import Decider
from gslb.coordinator.relay.dns_servers import FORGET_AFTER_S
from gslb.coordinator.relay.hub import Hub
from gslb.coordinator.relay.publication import make_publication
from gslb.core.decision import Rows, Served
from gslb.core.names import Name
from gslb.core.order import Order


async def alarms(hub: Hub, decider: Decider, clock: Clock) -> tuple[str, ...]:
    return raise_alarms(hub, await decider.conclude(), (), clock())


async def test_a_silent_agent_is_an_alarm_that_says_what_it_means() -> None:
    clock = Clock()
    hub = reporting(clock, US1, US2)
    clock.now_s += 10
    hub.report(register(US2, 2))
    decider = Decider(hub)
    assert await alarms(hub, decider, clock) == ("agent us/a1 is silent for 0 s",)
    clock.now_s += 10
    assert await alarms(hub, decider, clock) == (
        "agent us/a1 is silent for 10 s; no agent of its site is heard, verdicts there are kept",
        "agent us/a2 is silent for 0 s; no agent of its site is heard, verdicts there are kept",
    )


async def test_the_alarm_of_a_silent_site_says_when_verdicts_have_lapsed() -> None:
    fading = CONFIG.replace("type: tcp, port: 80", "type: tcp, port: 80, unknown: {down_after: 60s}")
    snapshot, clock = make_snapshot(fading, order=Order(7, 1, 0)), Clock()
    hub = make_hub(clock)
    hub.publish(make_publication(snapshot, dump_snapshot(snapshot)))
    for agent, report in facts_of(snapshot).reports.items():
        hub.hello(agent, "1")
        hub.report(report)
    decider, ends = Decider(hub), list[str]()
    for passed_s in (4, 59, 1):
        clock.now_s += passed_s
        ends += [text.partition("; ")[2] for text in await alarms(hub, decider, clock) if "agent eu/1 is" in text]
    kept = "no agent of its site is heard, verdicts there are kept"
    assert ends == [kept, kept, "no agent of its site is heard, verdicts there of monitor web have lapsed"]


def test_a_dns_server_that_differs_or_is_away_is_an_alarm() -> None:
    clock = Clock()
    hub = make_hub(clock)
    server = hub.dns_servers.connect("d1", "python", "1", Order())
    assert server is not None
    hub.dns_servers.status(server, hub.order, b"other", 0)
    hub.dns_servers.compare([(hub.order, b"mine")])
    clock.now_s += 3
    assert raise_alarms(hub, None, (), clock()) == ()
    clock.now_s += 1
    (alarm,) = raise_alarms(hub, None, (), clock())
    assert alarm == "dns server d1 decides otherwise than this coordinator from the same order for 4 s"
    hub.dns_servers.disconnect(server)
    (alarm,) = raise_alarms(hub, None, (), clock())
    assert alarm == "dns server d1 is away for 4 s; it answers with what it had"
    clock.now_s += FORGET_AFTER_S
    hub.dns_servers.forget_lost()
    assert raise_alarms(hub, None, (), clock()) == ()


def test_a_dns_server_that_has_broken_the_glass_is_an_alarm_and_no_false_one() -> None:
    clock = Clock()
    hub = make_hub(clock)
    server = hub.dns_servers.connect("d1", "python", "1", Order())
    assert server is not None
    hub.dns_servers.status(server, hub.order, b"other", 0, (2, bytes(range(8))))
    for _ in range(9):
        hub.dns_servers.compare([(hub.order, b"mine")])
        clock.now_s += 1
    assert server.differs_since_s is None
    (alarm,) = raise_alarms(hub, None, (), clock())
    assert "answers by 2 overrides of a break-glass file" in alarm
    assert "00010203" in alarm
    hub.dns_servers.status(server, hub.order, b"other", 0)
    hub.dns_servers.compare([(hub.order, b"mine")])
    assert server.differs_since_s == clock.now_s, "now a difference is one again"


def test_a_spoilt_file_of_a_dns_server_is_an_alarm_while_it_is_connected() -> None:
    clock = Clock()
    hub = make_hub(clock)
    server = hub.dns_servers.connect("d1", "python", "1", Order())
    assert server is not None
    hub.dns_servers.status(server, hub.order, b"", 0, spoilt="break-glass file: f.yaml:1:2: what is this")
    assert raise_alarms(hub, None, (), clock()) == (
        "dns server d1 cannot use a file on its machine and goes by what that said before: break-glass file:"
        " f.yaml:1:2: what is this",
    )
    hub.dns_servers.status(server, hub.order, b"", 0)
    assert raise_alarms(hub, None, (), clock()) == ()


async def test_a_dns_server_with_more_than_the_store_holds_is_an_alarm() -> None:
    clock = Clock()
    hub = make_hub(clock)
    hub.publish(publication(3))
    decider = Decider(hub)
    server = hub.dns_servers.connect("d", "python", "1", Order(7, 3, 0))
    assert server is not None
    assert await alarms(hub, decider, clock) == ()
    hub.dns_servers.status(server, Order(8, 1, 0), b"", 0)
    (alarm,) = await alarms(hub, decider, clock)
    assert alarm.startswith("dns server d serves 8.1.0 and takes nothing from here, where 7.3.0 is in force")


async def test_services_that_fail_together_are_not_all_listed() -> None:
    clock = Clock()
    hub = make_hub(clock)
    hub.publish(publication(1))
    concluded = await Decider(hub).conclude()
    assert concluded is not None
    names = tuple(Name.from_text(f"s{number:03}.g.example") for number in range(MAX_SERVICES + 5))
    rows = Rows([SimpleNamespace(services=names, families=())], {}, [Served((), down=True)])
    listed = raise_alarms(hub, replace(concluded, decision=replace(concluded.decision, rows=rows)), (), clock())
    assert len(listed) == MAX_SERVICES + 1
    assert listed[0].startswith("service s000.g.example:")
    assert listed[-1].startswith("5 more services:")

"""What services have in common is decided once, and what a change does not touch stays the same object."""

from __future__ import annotations

from support.steering import Story

from gslb.core.model import Family
from gslb.core.names import Name
from gslb.core.place import Place
from gslb.core.steering.outline import outline

CONFIGURATION = """\
sites: [{name: eu}, {name: us}]
pools:
  - {name: web, site: eu, monitor: web, members: [{name: web1, address: 192.0.2.1}, {name: web2, address: 192.0.2.2}]}
  - {name: api, site: us, monitor: web, members: [{name: api1, address: 192.0.2.3}]}
services:
  - {name: www.gslb.test, pools: [web, api], steering: [{priority: [[web], [api]]}]}
  - {name: shop.gslb.test, pools: [web, api], steering: [{priority: [[web], [api]]}]}
  - {name: back.gslb.test, pools: [web, api], steering: [{priority: [[api], [web]]}]}
  - {name: late.gslb.test, pools: [web, api], steering: [{priority: [[web], [api]]}], all_down: nodata}
  - {name: api.gslb.test, pools: [api]}
"""
WWW, SHOP, API = (Name.from_text(f"{label}.gslb.test") for label in ("www", "shop", "api"))


def story() -> Story:
    told = Story(CONFIGURATION, {"anyone": Place()})
    told.happen(["all up"])
    return told


def test_services_that_are_steered_alike_are_one_unit_though_each_has_its_own_chain() -> None:
    units = outline(story().snapshot).units
    assert [len(unit.services) for unit in units] == [2, 1, 1, 1]
    assert units[0].services == (WWW, SHOP)
    assert units[0].lanes[0].chain is units[2].lanes[0].chain
    assert units[0].lanes[0].chain is not units[1].lanes[0].chain


def test_services_alike_share_their_rows() -> None:
    rows = story().decision.rows
    assert rows[WWW, Family.A] is rows[SHOP, Family.A]


def test_a_member_lost_within_min_healthy_touches_its_pool_only() -> None:
    told = story()
    before = told.decision
    told.happen(["web1 down"])
    changed = [key.pool for key, state in told.decision.pools.items() if state is not before.pools[key]]
    assert changed == ["web"]
    assert all(row is before.rows[key] for key, row in told.decision.rows.items())
    assert told.decision.digest != before.digest


def test_a_pool_lost_touches_only_services_that_use_it() -> None:
    told = story()
    before = told.decision
    told.happen(["web1 down", "web2 down"])
    assert told.decision.rows[WWW, Family.A] != before.rows[WWW, Family.A]
    assert told.decision.rows[API, Family.A] is before.rows[API, Family.A]


def test_a_repeated_report_changes_nothing() -> None:
    told = story()
    before = told.decision
    told.happen(["nothing"])
    assert told.decision is before


def test_digest_returns_when_everything_does() -> None:
    told = story()
    before = told.decision
    told.happen(["web1 down", "drain site us"])
    assert told.decision.digest != before.digest
    told.happen(["clear", "all up"])
    assert told.decision == before

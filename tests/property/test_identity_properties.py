"""Names are taken or refused, never misread; a bound operator moves no client of anybody else's service."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.worlds import World, worlds

from gslb.core.directives import Action, Directives, Override, Scope, ScopeKind
from gslb.core.identity.access import Grant, Role
from gslb.core.identity.names import Identity, InvalidIdentity, Kind, parse_identity
from gslb.core.identity.reach import reaches, refuse_scope
from gslb.core.model import Model
from gslb.core.steering.decide import decide

NEARLY = st.from_regex(
    r"spiffe://[a-z0-9./-]{0,12}/(coordinator|agent|dns|operator)/[A-Za-z0-9./_-]{0,12}", fullmatch=True
)


@given(st.text() | NEARLY)
def test_a_uri_is_one_identity_or_none(uri: str) -> None:
    try:
        found = parse_identity([uri])
    except InvalidIdentity:
        return
    assert found.uri == uri
    assert found.name.count("/") == (found.kind is Kind.AGENT)
    assert found == Identity(domain=uri.split("/")[2], kind=found.kind, name=found.name)


def scopes(model: Model) -> st.SearchStrategy[Scope]:
    sites = [Scope(ScopeKind.SITE, site.name) for site in model.sites]
    pools = [Scope(ScopeKind.POOL, pool.name) for pool in model.pools]
    members = [Scope(ScopeKind.MEMBER, f"{pool.name}/{member.name}") for pool in model.pools for member in pool.members]
    return st.sampled_from([*sites, *pools, *members])


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(worlds(), st.data())
def test_within_reach_nobody_elses_clients_move(world: World, data: st.DataObject) -> None:
    model = world.snapshot.model
    assume(model.services)
    mine = data.draw(st.sampled_from(model.services))
    grant = Grant(operator="bob", role=Role.OPERATOR, services=(str(mine.name),))
    scope = data.draw(scopes(model))
    assume(refuse_scope(grant, scope, model) is None)
    override = Override(
        scope=scope,
        action=data.draw(st.sampled_from(Action)),
        who="bob",
        why="",
        since_unix_s=0,
        until_unix_s=None,
    )
    others = tuple(one for one in world.directives.overrides if one.scope != scope)
    directives = Directives(revision=9, overrides=tuple(sorted((*others, override), key=lambda one: one.scope)))
    before = decide(world.snapshot, replace(directives, overrides=others), world.facts, world.silent)
    after = decide(world.snapshot, directives, world.facts, world.silent)
    foreign = {service.name for service in model.services if not reaches(grant, service)}
    pools = {pool for service in model.services if service.name in foreign for pool in service.pools()}
    for key, row in before.rows.items():
        assert key[0] not in foreign or row == after.rows[key]
    for seen, state in before.pools.items():
        assert seen.pool not in pools or state == after.pools[seen]

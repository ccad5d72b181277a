"""What an operator may touch whom the configuration binds to some services."""

from __future__ import annotations

from gslb.core.directives import Scope, ScopeKind
from gslb.core.facts import AgentId
from gslb.core.identity.access import Denied, Grant
from gslb.core.model import Model, Service


def refuse_scope(grant: Grant, scope: Scope, model: Model) -> Denied | None:
    """Why an override of `scope` would touch more than the services of `grant`; None: it does not."""
    if not grant.is_bound:
        return None
    pools = _pools(scope, model)
    users = [service for service in model.services if service.pools() & pools]
    others = sorted(str(service.name) for service in users if not reaches(grant, service))
    if users and not others:
        return None
    used = (
        f"also serves {', '.join(others[:3])}{' ...' if len(others) > 3 else ''}" if others else "serves none of them"
    )
    return Denied(
        reason="reach",
        text=f"operator/{grant.operator} is bound to some services, and {scope.kind} '{scope.name}' {used}:"
        " ask an operator who is not bound",
    )


def refuse_agent(grant: Grant, agent: AgentId) -> Denied | None:
    """Why this operator may not decide about an agent, which speaks of all members of its site and of other sites'."""
    if not grant.is_bound:
        return None
    return Denied(
        reason="reach",
        text=f"operator/{grant.operator} is bound to some services, and what agent {agent} says is of others too:"
        " ask an operator who is not bound",
    )


def reaches(grant: Grant, service: Service) -> bool:
    """Whether the service is one of the grant's: named, or in one of its zones."""
    return str(service.name) in grant.services or str(service.zone) in grant.zones


def _pools(scope: Scope, model: Model) -> frozenset[str]:
    """Those in which the override changes something."""
    match scope.kind:
        case ScopeKind.SITE:
            return frozenset(pool.name for pool in model.pools if pool.site == scope.name)
        case ScopeKind.POOL:
            return frozenset({scope.name})
        case ScopeKind.MEMBER:
            return frozenset({scope.name.partition("/")[0]})

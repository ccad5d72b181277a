"""Who may call what. A call that the table does not have is nobody's: a new one needs its line here, or it is refused.

Certificates of coordinators, agents and dns servers open the streams of their kind and nothing else. Operators have a
role: each may do what the one before may. An operator whom the configuration does not name may look, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gslb.core.identity.names import Identity, Kind

ALWAYS_ADMIN = "admin"
"""The operator who can do everything even if the configuration forgets him, so that nobody locks himself out."""


class Role(StrEnum):
    """What an operator may do, from little to much."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the configuration gives an operator.

    Bound to `services` and to those in `zones`, names as text without the final dot, unless both are empty.
    """

    operator: str
    role: Role
    services: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def is_bound(self) -> bool:
        return bool(self.services or self.zones)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`kinds` may call, and operators from the role `least` on (None: none)."""

    kinds: frozenset[Kind] = frozenset()
    least: Role | None = None


def _processes(*kinds: Kind) -> Rule:
    return Rule(kinds=frozenset(kinds))


_LOOK, _OPERATE, _ADMIN = Rule(least=Role.VIEWER), Rule(least=Role.OPERATOR), Rule(least=Role.ADMIN)
_ANYONE = Rule(kinds=frozenset(Kind), least=Role.VIEWER)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "/gslb.api.v1.Admin/Apply": _ADMIN,
        "/gslb.api.v1.Admin/GetConfig": _LOOK,
        "/gslb.api.v1.Admin/ListConfigs": _LOOK,
        "/gslb.api.v1.Admin/DiffConfigs": _LOOK,
        "/gslb.api.v1.Admin/Rollback": _ADMIN,
        "/gslb.api.v1.Admin/GetRollout": _LOOK,
        "/gslb.api.v1.Admin/EndRollout": _ADMIN,
        "/gslb.api.v1.Admin/Backup": _ADMIN,
        "/gslb.api.v1.Admin/GetStatus": _LOOK,
        "/gslb.api.v1.Admin/Explain": _LOOK,
        "/gslb.api.v1.Admin/SetOverride": _OPERATE,
        "/gslb.api.v1.Admin/ClearOverride": _OPERATE,
        "/gslb.api.v1.Admin/Failback": _OPERATE,
        "/gslb.api.v1.Admin/ForgetAgent": _OPERATE,
        "/gslb.api.v1.Admin/GetAudit": _ADMIN,
        "/gslb.api.v1.Discovery/Subscribe": _processes(Kind.DNS),
        "/gslb.api.v1.Health/Exchange": _processes(Kind.AGENT),
        "/gslb.api.v1.Peering/Listen": _processes(Kind.COORDINATOR),
        "/grpc.health.v1.Health/Check": _ANYONE,
        "/grpc.health.v1.Health/List": _ANYONE,
        "/grpc.health.v1.Health/Watch": _ANYONE,
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": _LOOK,
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _LOOK,
    }
)
"""By the path of the call."""

_READS = frozenset({"/gslb.api.v1.Admin/GetAudit"})
AUDITED = frozenset(path for path, rule in RULES.items() if rule in (_OPERATE, _ADMIN)) - _READS
"""Calls that change something, or hand out all there is: refused attempts go to the audit trail too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """`reason`: a word to count by. `text`: what to do."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Access:
    """`grants`: at most one an operator. `admins`: operators who have every right, besides ALWAYS_ADMIN."""

    grants: tuple[Grant, ...] = ()
    admins: frozenset[str] = frozenset()

    def grant_of(self, operator: str) -> Grant:
        if operator == ALWAYS_ADMIN or operator in self.admins:
            return Grant(operator=operator, role=Role.ADMIN)
        viewer = Grant(operator=operator, role=Role.VIEWER)
        return next((grant for grant in self.grants if grant.operator == operator), viewer)

    def refusal(self, method: str, caller: Identity) -> Denied | None:
        """Why `caller` may not call `method`; None: he may."""
        rule = RULES.get(method)
        if rule is None:
            return Denied(reason="unknown_method", text=f"nobody may call {method}: it is not in the table of calls")
        if caller.kind in rule.kinds:
            return None
        if caller.kind is not Kind.OPERATOR or rule.least is None:
            return Denied(reason="kind", text=_not_for(method, rule, caller))
        role = self.grant_of(caller.name).role
        if role.covers(rule.least):
            return None
        return Denied(
            reason="role",
            text=f"{caller} has the role {role} and needs {rule.least} for {_short(method)}:"
            " ask an admin for it (`access` in the configuration)",
        )


def _not_for(method: str, rule: Rule, caller: Identity) -> str:
    wanted = sorted(rule.kinds | ({Kind.OPERATOR} if rule.least else set()))
    return (
        f"{_short(method)} is not for {caller}: it takes a certificate of kind {' or '.join(wanted)} (`gslb pki issue`)"
    )


def _short(method: str) -> str:
    return method.rpartition("/")[2]

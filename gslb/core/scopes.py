"""What there is to override in a configuration."""

from __future__ import annotations

from collections.abc import Iterable

from gslb.core.directives import ScopeKind
from gslb.core.model import Model


def names_of(kind: ScopeKind, model: Model) -> Iterable[str]:
    """Names of that kind, as `Scope` has them."""
    match kind:
        case ScopeKind.SITE:
            return (site.name for site in model.sites)
        case ScopeKind.POOL:
            return (pool.name for pool in model.pools)
        case ScopeKind.MEMBER:
            return (f"{pool.name}/{member.name}" for pool in model.pools for member in pool.members)

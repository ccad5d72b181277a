"""Sites, endpoints, pools and members."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic.json_schema import JsonSchemaValue

from gslb.config.schema.base import LATER, ONE_OR_MANY, Block, Shorthand, key
from gslb.config.schema.monitors import PoolFailback
from gslb.config.schema.types import (
    Address,
    Domain,
    Flag,
    Host,
    ItemName,
    Latitude,
    Longitude,
    MinHealthyText,
    Network,
    PlainText,
    Weight,
)

Tags = dict[ItemName, PlainText]


class Location(Block):
    """A point on the globe."""

    latitude: Latitude = key("Degrees, north positive.")
    longitude: Longitude = key("Degrees, east positive.")


class Site(Block):
    """A place where agents and servers stand; one without pools is a witness, an outside observer."""

    name: ItemName = key("Name, unique among sites; agents start with `--site NAME`.")
    location: Location | None = key("Where it is, for `nearest`.", None)
    tags: Tags = key("Free labels.", {})
    probe_allow: Annotated[tuple[Network, ...], ONE_OR_MANY] = key(
        "Networks that its agents may probe although they are refused by default (loopback, link-local ...).", []
    )


class AddressMap(Block):
    """Addresses by who sees them."""

    public: Annotated[tuple[Address, ...], ONE_OR_MANY] = key("What the world is answered.")


def _as_map(value: object) -> object:
    if isinstance(value, Mapping):
        if other := next((name for name in value if name != "public"), None):
            raise ValueError(f"`{other}`, an address map for a view, {LATER}")
        return value
    return {"public": value}


def _address_or_list(_: JsonSchemaValue) -> list[Mapping[str, object]]:
    address = {"type": "string", "title": "an address"}
    return [address, {"type": "array", "items": address}]


Addresses = Annotated[AddressMap, Shorthand(_as_map, _address_or_list)]


class Endpoint(Block):
    """A server that several pools may share; it is probed once per monitor. It has `address` or `host`."""

    name: ItemName = key("Name, unique among endpoints.")
    address: Addresses | None = key(
        "An address, a list of at most one IPv4 and one IPv6 address, or the same under `public`.", None
    )
    host: Domain | None = key("A host name instead: answered as CNAME.", None)
    probe: Host | None = key("Where agents probe it instead of at what is answered: an address or host name.", None)


class Member(Block):
    """A server in a pool: written here (`name` with `address` or `host`), or an endpoint's name."""

    endpoint: ItemName | None = key(
        "The endpoint that it is, from `endpoints`. A name alone stands for this key.", None
    )
    name: ItemName | None = key("Name of a member written here, unique in its pool.", None)
    address: Addresses | None = key("As for endpoints.", None)
    host: Domain | None = key("As for endpoints.", None)
    probe: Host | None = key("As for endpoints.", None)
    weight: Weight = key("Its part of the pool's clients against the other members; 0 = no traffic.", "1")
    standby: Flag = key("Last resort: serves only when nothing else of the service does.", "false")


def _as_member(value: object) -> object:
    return value if isinstance(value, Mapping | list) else {"endpoint": value}


MemberOrName = Annotated[
    Member, Shorthand(_as_member, lambda _: [{"type": "string", "title": "the name of an endpoint"}])
]


class Pool(Block):
    """Members at one site that serve the same thing."""

    later: ClassVar[frozenset[str]] = frozenset({"discover", "capacity"})

    name: ItemName = key("Name, unique among pools.")
    site: ItemName | None = key("Where it stands; a pool without a site is never probed and counts as up.", None)
    monitor: ItemName | None = key("How its members are probed: `defaults.monitor` if absent. Needs a `site`.", None)
    min_healthy: MinHealthyText = key(
        "How many of its weighted, non-standby members must serve, in each family, for it to count as healthy.", "1"
    )
    failback: PoolFailback | None = key(
        "How its members come back; absent keys are those of its monitor, else of `defaults`.", None
    )
    members: tuple[MemberOrName, ...] = key("Its servers.", [])

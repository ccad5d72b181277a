"""A whole configuration file."""

from __future__ import annotations

from typing import Annotated, ClassVar

from gslb.config.schema.access import Access
from gslb.config.schema.base import ONE_OR_MANY, Block, key
from gslb.config.schema.dns import Dns
from gslb.config.schema.monitors import Failback, Monitor
from gslb.config.schema.rollout import Rollout
from gslb.config.schema.services import AllDownOrWord, Service
from gslb.config.schema.sites import Endpoint, Location, Pool, Site, Tags
from gslb.config.schema.steering import Policy
from gslb.config.schema.types import Answers, Country, ItemName, Network, PlainText, Seconds
from gslb.config.schema.zones import Zone


class Defaults(Block):
    """What holds where a service, pool or monitor says nothing."""

    ttl: Seconds = key("How long resolvers may cache a service's answer.", "20s")
    answers: Answers = key("How many members an answer carries.", "1")
    monitor: ItemName | None = key("The monitor of pools that have a site and name none.", None)
    all_down: AllDownOrWord = key("What to answer when nothing serves.", "serve_all")
    failback: Failback = key("How a member comes back.", {})


class OwnPrefix(Block):
    """A prefix that you know better than the database."""

    cidr: Network = key("The prefix.")
    tags: Tags = key("Labels that rules may `match`.", {})
    country: Country | None = key("Where it is.", None)
    location: Location | None = key("Where it is, for `nearest`.", None)


class GeoSources(Block):
    """Where clients are."""

    database: Annotated[tuple[PlainText, ...], ONE_OR_MANY] = key(
        "Databases in MaxMind format (country, city, AS number), relative to the file that names them; "
        "absent: the country database that comes with the package.",
        [],
    )
    prefixes: tuple[OwnPrefix, ...] = key("Prefixes of your own.", [])


class Ecs(Block):
    """Whose EDNS Client Subnet counts."""

    from_: Annotated[tuple[Network, ...], ONE_OR_MANY] = key(
        "Resolvers that may say for which client they ask.", ["0.0.0.0/0", "::/0"], alias="from"
    )


class File(Block):
    """One file. Lists of several files are joined; `defaults`, `geo`, `ecs`, `dns` and `rollout` stand in one of
    them."""

    later: ClassVar[frozenset[str]] = frozenset({"views", "maintenance"})

    include: Annotated[tuple[PlainText, ...], ONE_OR_MANY] = key(
        "More files, relative to this one; `*`, `?` and `[...]` match within a folder.", []
    )
    defaults: Defaults = key("What holds where nothing else is said.", {})
    geo: GeoSources = key("Databases and prefixes that say where clients are.", {})
    ecs: Ecs = key("Resolvers that are believed about their clients.", {})
    dns: Dns = key("Bounds on what a dns server sends to whom.", {})
    rollout: Rollout = key("How a new configuration reaches the dns servers.", {})
    zones: tuple[Zone, ...] = key("What the dns servers answer for.", [])
    sites: tuple[Site, ...] = key("Where agents and servers stand.", [])
    monitors: tuple[Monitor, ...] = key("How members are probed.", [])
    endpoints: tuple[Endpoint, ...] = key("Servers that several pools share.", [])
    pools: tuple[Pool, ...] = key("Groups of servers.", [])
    policies: tuple[Policy, ...] = key("Steering chains that services share.", [])
    services: tuple[Service, ...] = key("Names that are steered.", [])
    access: tuple[Access, ...] = key("What operators may do; whoever is not named may look.", [])

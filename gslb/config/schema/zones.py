"""Zones and their plain records."""

from __future__ import annotations

from typing import Annotated

from gslb.config.schema.base import ONE_OR_MANY, Block, key
from gslb.config.schema.types import Contact, Domain, PlainText, Seconds


class Record(Block):
    """A plain record, answered as it stands here. Names inside are relative to the zone unless they end with a dot."""

    name: PlainText = key("Owner name, relative to the zone; `@` is the zone itself.")
    type: PlainText = key("Record type, such as A, TXT, MX, HTTPS, or TYPE65280 for one without a name.")
    data: Annotated[tuple[PlainText, ...], ONE_OR_MANY] = key(
        "RDATA as in a zone file, one or a list; unknown types as in RFC 3597. TXT needs no quotes."
    )
    ttl: Seconds = key("How long resolvers may cache it.", "300s")


class Zone(Block):
    """A zone that is delegated to the dns servers. It has `name` or `names`, and its content here or in a `file`."""

    name: Domain | None = key("The zone's name.", None)
    names: Annotated[tuple[Domain, ...], ONE_OR_MANY] = key(
        "Several names for the same content: services and records stand in each of them.", []
    )
    nameservers: Annotated[tuple[Domain, ...], ONE_OR_MANY] = key(
        "Names of the dns servers, in full: they become the NS set (TTL 3600s), the first one the SOA's primary. "
        "May come from `file` instead.",
        [],
    )
    contact: Contact | None = key("Mail address for the SOA; may come from `file` instead.", None)
    negative_ttl: Seconds | None = key(
        "How long resolvers may cache that a name or type does not exist: 10s, or what the SOA in `file` says.", None
    )
    records: tuple[Record, ...] = key("Plain records.", [])
    file: PlainText | None = key(
        "A zone file (RFC 1035) to read instead of `records`, relative to the file that names it. "
        "$ORIGIN, $TTL and $INCLUDE work; records without any TTL have 300s; the serial of its SOA is not used.",
        None,
    )

"""What operators may do."""

from __future__ import annotations

from typing import Annotated

from gslb.config.schema.base import ONE_OR_MANY, Block, key, words
from gslb.config.schema.types import Domain, ItemName
from gslb.core.identity.access import Role

RoleWord = Annotated[str, words(*(role.value for role in Role))]


class Access(Block):
    """The rights of one operator, by the name in his certificate."""

    operator: ItemName = key("The name, as in `gslb pki issue operator NAME`.")
    role: RoleWord = key("What he may do: look, also set overrides, also apply configurations.")
    services: Annotated[tuple[Domain, ...], ONE_OR_MANY] = key(
        "An `operator` sets overrides only where these, and those in `zones`, are all that is served; "
        "neither key: everywhere.",
        [],
    )
    zones: Annotated[tuple[Domain, ...], ONE_OR_MANY] = key("The same for all services of these zones.", [])

"""Bad configurations are applied: each is refused as a whole, with file, line and column; what runs goes on."""

from __future__ import annotations

import re

from chaos import plan
from chaos.registry import AT_ONCE, scenario
from chaos.trials import Trials
from chaos.world import World
from gslb.core.errors import GslbError

PLACE = re.compile(r"gslb\.yaml:\d+:\d+")


def bad(good: str) -> dict[str, str]:
    """By what is wrong with it."""
    return {
        "not YAML": good + "\n]: {",
        "cut off": good[: len(good) // 2],
        "an unknown key": good + "\npoools: []\n",
        "a site that is not there": good.replace("site: us", "site: mars"),
        "a pool that is not there": good.replace("pools: [eu, us]", "pools: [eu, mars]"),
        "an address that is none": good.replace(plan.members()[0].address, "10.99.1.256"),
        "a name twice": good + f"\n  - {{name: {plan.ALL}, pools: [eu]}}\n",
        "an interval of nothing": good.replace("failback: {after: 0s}", "interval: 0s"),
    }


@scenario("a server is killed, bad configurations are applied", limits=AT_ONCE)
async def configurations_bad(world: World, trials: Trials) -> None:
    before = await world.status("a")
    for what, text in bad(world.configuration()).items():
        try:
            await world.apply(text)
        except GslbError as error:
            trials.require(PLACE.search(str(error)) is not None, f"{what}: no place is named in {error}")
        else:
            trials.require(False, f"{what}: applied")
        await trials.kill_servers(1)
    after = await world.status("a")
    same = before is not None and after is not None and before.order == after.order
    trials.require(same, "the order in force has changed")

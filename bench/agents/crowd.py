"""Many simulated agents in a process of their own: `python -m bench.agents.crowd ADDRESS AGENTS < commands`.

AGENTS names them all, separated by commas. Each command is a line; when it is done, a line of JSON says the moment on
the monotonic clock at which it began, and the messages and octets that were written until then:

    join          all connect, in the course of some seconds, and report from then on
    up, down      what all report from their next beat on
    up NAME, down NAME    what that one reports at once
    again COUNT   so many of them drop their connections, all at once, and come back
    count
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence

from bench.agents.agent import DOWN, UP, Agent, Written
from gslb.core.facts import AgentId

JOIN_S = 10.0
_HEALTH = {"up": UP, "down": DOWN}


async def main(address: str, names: Sequence[str]) -> None:
    written = Written()
    count = len(names)
    agents = {
        name: Agent(name=AgentId(name), address=address, phase=number / count, written=written)
        for number, name in enumerate(names)
    }
    async with asyncio.TaskGroup() as tasks:
        while command := (await asyncio.to_thread(sys.stdin.readline)).split():
            begun_s = time.monotonic()
            match command:
                case ["join"]:
                    for agent in agents.values():
                        tasks.create_task(agent.run())
                        await asyncio.sleep(JOIN_S / count)
                    for agent in agents.values():
                        await agent.assigned.wait()
                case ["up" | "down" as word]:
                    for agent in agents.values():
                        agent.health = _HEALTH[word]
                case ["up" | "down" as word, name]:
                    agents[name].health = _HEALTH[word]
                    agents[name].speak()
                case ["again", wanted]:
                    for agent in list(agents.values())[: int(wanted)]:
                        agent.come_again()
            print(json.dumps([begun_s, written.messages, written.octets]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2].split(",")))

"""`make chaos`: break everything that can break, while clients ask and every answer is judged.

    make chaos                       all scenarios
    make chaos ONLY=killed           those whose name contains "killed"; several words with commas between them
    PYTHONPATH=tests .venv/bin/python -m chaos --help

All of it runs in network namespaces of its own (`enclosure`): hosts joined by a router (`network`), on them the product
as users run it, with mutual TLS and signed snapshots (`world`, `programs`): three members of etcd, three coordinators,
agents of two sites and of a witness, six web servers a site, two dns servers (`plan` names them). A client (`asker`)
asks both dns servers all through, over UDP and TCP, for several client prefixes. Each answer is judged (`judge`) by
what was true when it was given (`truth`), which a scenario tells as it breaks things.

To add a scenario, write a file in `scenarios/` like this one, and nothing else:

    @scenario("a server is killed", limits=AT_ONCE)
    async def server_killed(world: World, trials: Trials) -> None:
        async for member in world.in_turn(40):
            await trials.lose([member], partial(world.kill, member.name))
            world.come_back(member)

- `Trials.lose` does the fault, says that these members are gone from that moment, waits until both dns servers answer
  without them, and notes how long that took. `Trials.until_right` is its second half, for faults told in another way.
- `Trials.watch` lets time pass in which every answer must be right, `Trials.restart_dns` restarts a dns server,
  `Trials.require` demands anything else.
- What a scenario broke by `World` and `Network` is mended after it (`World.mend`), and so is what it gave to
  `World.afterwards`: it need not tidy up, not even if it fails. It begins with all members up and all streams there.
- Whatever its limits say, it fails by a lost query, by an answer that leaves out a member which is up, and by an error.
"""

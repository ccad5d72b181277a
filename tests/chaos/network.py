"""Hosts as network namespaces, joined by a router, which is the namespace that this program runs in.

A cut is a rule in the router that swallows packets in silence, as a broken network does. What this program itself sends
(clients, operators) is never cut.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

PREFIX = "10.99.0.0/16"
_OURS, _CUT, _SHAPED = 50, 100, 200
"""Priorities of the router's rules: what it sends itself, what it swallows, what takes the way through the shaper."""
SHAPED_TABLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    name: str
    number: int

    @property
    def address(self) -> str:
        return self.at(2)

    @property
    def router(self) -> str:
        """The router's address on the wire to this host, which is the address of its clients."""
        return self.at(1)

    @property
    def network(self) -> str:
        return f"10.99.{self.number}.0/24"

    @property
    def wire(self) -> str:
        return f"wire{self.number}"

    def at(self, last: int) -> str:
        return f"10.99.{self.number}.{last}"

    @property
    def enter(self) -> tuple[str, ...]:
        """What to put before a command that is to run there."""
        return ("nsenter", f"--net=/run/netns/{self.name}", "--")


class Network:
    """Made once; `heal` undoes all cuts."""

    def __init__(self, names: Sequence[str], addresses: Sequence[tuple[str, str]]) -> None:
        """`addresses`: more of them for a host, besides its first: (name, address)."""
        self.hosts = {name: Host(name=name, number=number) for number, name in enumerate(names, 1)}
        _ip("link set lo up", f"rule add iif lo lookup main pref {_OURS}")
        for path in ("ip_forward 1", "conf/all/rp_filter 0", "conf/default/rp_filter 0"):
            where, _, value = path.partition(" ")
            (Path("/proc/sys/net/ipv4") / where).write_text(value)
        for host in self.hosts.values():
            _join(host, [address for name, address in addresses if name == host.name])
        self._cuts: list[str] = []
        self._numbers = count(_CUT)

    def cut(self, one: str, other: str, *, both: bool = True) -> None:
        """Nothing more from one host to the other, nor back."""
        pairs = [(one, other), (other, one)] if both else [(one, other)]
        for sender, receiver in pairs:
            self._swallow(f"from {self.hosts[sender].network} to {self.hosts[receiver].network}")

    def cut_off(self, *names: str) -> None:
        """Nothing more between these hosts and all others; among themselves they go on."""
        for name in names:
            for other in self.hosts.keys() - set(names):
                self.cut(name, other)

    def swallow(self, address: str) -> None:
        """Nothing more reaches this address from another host."""
        self._swallow(f"to {address}")

    def shape(self, device: str, one: str, other: str) -> None:
        """What goes from one host to the other and back takes the way through this device."""
        _ip(f"route replace default dev {device} table {SHAPED_TABLE}")
        for sender, receiver in ((one, other), (other, one)):
            source, end = self.hosts[sender], self.hosts[receiver]
            self._add(f"from {source.network} to {end.network} iif {source.wire} lookup {SHAPED_TABLE}", _SHAPED)

    def release(self, address: str) -> None:
        """Undo `swallow`."""
        undone = [rule for rule in self._cuts if rule.startswith(f"to {address} ")]
        _ip(*(f"rule del {rule}" for rule in undone))
        self._cuts = [rule for rule in self._cuts if rule not in undone]

    def heal(self) -> None:
        """Undo all of it."""
        _ip(*(f"rule del {rule}" for rule in self._cuts))
        self._cuts.clear()

    def _swallow(self, what: str) -> None:
        self._add(f"{what} blackhole", next(self._numbers) % (_SHAPED - _CUT) + _CUT)

    def _add(self, rule: str, preference: int) -> None:
        rule = f"{rule} pref {preference}"
        _ip(f"rule add {rule}")
        self._cuts.append(rule)


def _join(host: Host, more: Sequence[str]) -> None:
    _ip(
        f"netns add {host.name}",
        f"link add {host.wire} type veth peer name eth0 netns {host.name}",
        f"addr add {host.router}/24 dev {host.wire}",
        f"link set {host.wire} up",
    )
    addresses = [f"addr add {address}/24 dev eth0" for address in (host.address, *more)]
    _ip("link set lo up", *addresses, "link set eth0 up", f"route add default via {host.router}", within=host.name)


def _ip(*commands: str, within: str | None = None) -> None:
    where = ("-netns", within) if within is not None else ()
    done = subprocess.run(
        ["ip", *where, "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"ip could not do '{'; '.join(commands)}': {done.stderr.strip()}")

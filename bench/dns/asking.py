"""Single questions, to see that a server is there and what it says."""

from __future__ import annotations

from ipaddress import IPv4Address

import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode

from bench.dns.packages import Unavailable
from bench.dns.processes import Processes, run_briefly
from bench.dns.world import ZONE

_QUESTION_S = 1


def first_answer(processes: Processes, name: str, port: int, client: IPv4Address, within_s: float) -> int:
    """Wait until the server serves the zone; returns the octets of an answer. Raises Unavailable."""
    for _ in run_briefly(within_s):
        processes.check_alive(name)
        try:
            reply = ask(port, "n000000", client)
        except (OSError, dns.exception.DNSException):
            continue
        if reply.rcode() == dns.rcode.NOERROR and reply.answer:
            return len(reply.to_wire())
    raise Unavailable(f"it did not answer within {within_s:g} s; {processes.folder}/{name}.log may say why")


def ask(port: int, label: str, client: IPv4Address) -> dns.message.Message:
    ecs = dns.edns.ECSOption(str(client), 24)
    query = dns.message.make_query(f"{label}.{ZONE}", "A", use_edns=0, options=[ecs])
    query.flags = 0
    return dns.query.udp(query, "127.0.0.1", port=port, timeout=_QUESTION_S)

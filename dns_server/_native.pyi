"""What the native engine's module offers; it is built from `crates/dns-py`."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import final, overload

from dns_server.engines.tcp import TcpLimits
from gslb.core.answering.source import Client

def version() -> str:
    """The version this module was built from."""

@final
class Tables:
    """Makes cohort tables; what is the same from decision to decision is made once."""

    def __new__(cls, costs: Sequence[int]) -> Tables:
        """`costs`: -ln U of every stratum in units of 2^-24. Raises ValueError."""

    def tabulate(self, shares: Sequence[tuple[str, int]], picks: int) -> list[list[int]]:
        """For every cohort the `picks` best names, as indexes into `shares`, best first. Raises ValueError."""

@final
class Static:
    """A snapshot's index."""

    def __new__(cls, chunks: Sequence[bytes], extra: bytes, seed: int) -> Static:
        """`chunks`: in the manifest's order, digests checked. `extra`: an EngineStatic. `seed`: 64 random bits.

        Raises ValueError.
        """

    @property
    def tallies(self) -> Tallies: ...

@final
class Tallies:
    """What is counted of one snapshot's services; outlives the snapshot. Services, pools, classes are numbers."""

    def is_final(self) -> bool:
        """Whether nothing can be counted any more: the snapshot is gone."""

    def answers(
        self, pairs: Sequence[tuple[int, int | None]], others: int
    ) -> tuple[int, list[int], list[tuple[tuple[int, int | None], int]], int]:
        """Answers so far: all, those of each pair of service and pool, the largest others, how many more there are.

        No pool: answers that came from none.
        """

    def take_demand(self, most: int) -> tuple[list[tuple[int, int, int]], int]:
        """Since the last call: (service, class, queries), the largest; and the rest added up."""

@final
class Decision:
    """A decision for the snapshot it was made from."""

    def __new__(cls, message: bytes, statics: Static, before: Decision | None, tables: Tables) -> Decision:
        """`message`: an EngineDecision; one that is a difference needs the decision `before` it. Raises ValueError."""

@final
class Answerer:
    """The engine without its sockets."""

    def __new__(
        cls,
        decision: Decision | None,
        seed: int = 0,
        threads: int = 1,
        nsid: bytes | None = None,
        secrets: Sequence[bytes] = (),
        worker: int | None = None,
    ) -> Answerer:
        """`seed`: of its rate limits, which so many threads share. `secrets`: of cookies, 16 octets each.

        `worker`: who counts answers of services, if anybody.
        """

    def answer(self, packet: bytes, client: Client, entropy: int) -> bytes | None:
        """The reply, or None where nothing is to be sent."""

    def queries(self) -> list[tuple[str, str, str, int]]:
        """(transport, type, rcode, count)."""

    def limited(self) -> list[tuple[str, str, int]]:
        """(limit, action, count)."""

    def dropped(self) -> Mapping[str, int]: ...
    def cookies(self) -> Mapping[str, int]: ...
    def malformed(self) -> Mapping[str, int]: ...

@final
class Counted:
    """The sums of all workers' counters; the names are those of `engines.base.Counters`."""

    queries: Sequence[tuple[str, str, str, int]]
    limited: Sequence[tuple[str, str, int]]
    dropped: Mapping[str, int]
    malformed: Mapping[str, int]
    closed: Mapping[str, int]
    cookies: Mapping[str, int]
    truncated: int
    ecs: int
    accepted: int
    connections: int
    received_bytes: int
    sent_bytes: int
    latency: Mapping[str, tuple[Sequence[int], int]]

@final
class Server:
    """The engine with its sockets and threads."""

    def __new__(
        cls,
        *,
        workers: int,
        entropy: int,
        wall_offset_s: int,
        limits: TcpLimits,
    ) -> Server:
        """`workers`: UDP threads a listen address. `wall_offset_s`: added to the wall clock."""

    def start(self, listen: Sequence[tuple[IPv4Address | IPv6Address, int, int]], taken: Sequence[int]) -> list[int]:
        """Bind all (address, port, scope of IPv6), then answer. Returns the ports (0 chosen). Nothing stays bound when
        one fails: OSError.

        `taken`: descriptors of listening sockets that came from another process; copies of them serve where their
        address is one of `listen`.
        """

    def descriptors(self) -> list[int]:
        """Of all listening sockets, to be passed to another process; valid until `drain` or `stop`."""

    def lay_ready(self, decision: Decision) -> None:
        """Make the memory that its answers will be counted in, so that `publish` need not; may run in any thread."""

    def publish(self, decision: Decision) -> None:
        """Answer with this from the next packets on."""

    def retire(self) -> None:
        """Free what earlier decisions held and nobody answers with any more."""

    def withhold(self) -> None:
        """Answer SERVFAIL from the next packets on, as before the first decision."""

    def drain(self) -> None:
        """Leave the sockets to whoever has taken them over. Returns when all that was received is answered and TCP
        connections have ended, at most `drain_s` later; until then `counters` waits."""

    def identify(self, nsid: bytes, secrets: Sequence[bytes]) -> None:
        """Answer as this server from the next packets on. `secrets`: of cookies, 16 octets each."""

    def stop(self) -> None:
        """End all threads, close all sockets."""

    def counters(self) -> Counted:
        """What was counted so far; nobody is stopped for it."""

@final
class Column(Sequence[int]):
    """One side of a `Ranges`; integers, slices are lists. It has no `index` and `count`."""

    @property
    def ranges(self) -> Ranges:
        """The map it belongs to."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

@final
class Ranges:
    """A map of ranges in little memory: range i begins at `starts[i]`, carries `classes[i]`, ends before the next."""

    def __new__(cls, starts: Sequence[int], classes: Sequence[int]) -> Ranges:
        """`starts` rise from 0; neighbours of one class become one range. Raises ValueError."""

    @property
    def starts(self) -> Column: ...
    @property
    def classes(self) -> Column: ...
    def firsts(self) -> Ranges:
        """Only the first range of each class."""

    def paired(self, over: Ranges) -> tuple[Ranges, bytes, bytes]:
        """The map whose classes number the distinct pairs of classes by first appearance.

        The firsts and the seconds of these pairs are native integers of 32 bits.
        """

    def relabelled(self, labels: Sequence[int]) -> Ranges:
        """With `labels[class]` for each class. Raises ValueError where there is none."""

    def coarsened(self, bits: int, width: int) -> Ranges:
        """By blocks of `bits` > 0 bits, each of the class that covers most of it. Raises ValueError."""

    def pieces(self, width: int) -> list[tuple[int, int, int, bytes]]:
        """(first range, end, unit bits, deltas) of each piece, for a snapshot's chunks."""

@final
class Finder:
    """Finds the same values in many records of one data section of a geo database."""

    def __new__(cls, content: bytes, section: int, paths: Sequence[Sequence[str | int]]) -> Finder:
        """`section`: where in the content the section begins."""

    def find(self, at: int) -> list[str | float | int | None]:
        """What stands at the end of each path from the record at `at`. Raises ValueError, OverflowError."""

def cut_tree(tree: bytes, nodes: int, record_bits: int, ip_version: int) -> tuple[Ranges, Ranges]:
    """The v4 and the v6 ranges of a geo database's search tree; classes name data records. Raises ValueError."""

def load_ranges(pieces: Iterable[tuple[int, bytes, Sequence[int]]], width: int, classes: int) -> Ranges:
    """Undo `pieces` for a map of fewer than `classes` classes: (unit bits, deltas, classes) each. Raises ValueError."""

"""Policies with their stages and classes, and services, as protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from typing import NamedTuple

from gslb.api.v1 import snapshot_pb2 as pb
from gslb.codec.chunks import runs
from gslb.codec.values import load_address, load_name, load_ttl
from gslb.core.decision import Bindings
from gslb.core.errors import InvalidSnapshot
from gslb.core.model import AllDown, AllDownKind, Policy, Service
from gslb.core.names import Name
from gslb.core.snapshot import ClassMap
from gslb.core.steering import stages
from gslb.core.steering.stages.base import Key, Role, Stage

CLASSES_A_MESSAGE = 64

_ALL_DOWN = {
    AllDownKind.SERVE_ALL: pb.ALL_DOWN_KIND_SERVE_ALL,
    AllDownKind.POOL: pb.ALL_DOWN_KIND_POOL,
    AllDownKind.ADDRESSES: pb.ALL_DOWN_KIND_ADDRESSES,
    AllDownKind.NODATA: pb.ALL_DOWN_KIND_NODATA,
    AllDownKind.SERVFAIL: pb.ALL_DOWN_KIND_SERVFAIL,
}
_ALL_DOWN_BACK: dict[pb.AllDownKind.ValueType, AllDownKind] = {number: kind for kind, number in _ALL_DOWN.items()}


class Classes(NamedTuple):
    """What a ClassMap says of its classes."""

    keys: tuple[tuple[Key, ...], ...]
    labels: tuple[str, ...]


def dump_policy(policy: Policy, classes: ClassMap) -> Iterator[pb.PolicyData]:
    yield pb.PolicyData(
        name=policy.name,
        slots=policy.slots,
        stages=[pb.StageData(kind=stage.kind, parameters=stage.dump()) for stage in policy.stages],
    )
    said = zip(classes.keys, classes.labels, strict=True)
    for run in runs((pb.ClassData(keys=keys, label=label) for keys, label in said), CLASSES_A_MESSAGE):
        yield pb.PolicyData(name=policy.name, classes=run)


def load_policies(messages: Iterable[pb.PolicyData]) -> tuple[tuple[Policy, ...], Mapping[str, Classes]]:
    """The policies, and their classes by name."""
    policies: list[Policy] = []
    found: dict[str, list[pb.ClassData]] = {}
    for message in messages:
        if not policies or policies[-1].name != message.name:
            if message.name in found:
                raise InvalidSnapshot(f"policy '{message.name[:80]}' is there twice")
            policies.append(_load_policy(message))
            found[message.name] = []
        found[message.name].extend(message.classes)
    return tuple(policies), {policy.name: _load_classes(policy, found[policy.name]) for policy in policies}


def _load_policy(message: pb.PolicyData) -> Policy:
    chain = tuple(stages.load(stage.kind, stage.parameters) for stage in message.stages)
    roles = [stage.role for stage in chain]
    if roles[-1:] != [Role.SHARING] or Role.SHARING in roles[:-1]:
        raise InvalidSnapshot(f"policy '{message.name[:80]}' must be filters, then one sharing stage")
    strange = {slot for stage in chain for slot in stage.slots()}.difference(message.slots)
    if strange:
        raise InvalidSnapshot(f"policy '{message.name[:80]}' has no slot '{min(strange)[:80]}'")
    return Policy(name=message.name, slots=tuple(message.slots), stages=chain)


def _load_classes(policy: Policy, messages: Iterable[pb.ClassData]) -> Classes:
    keys, labels = [], []
    for message in messages:
        if len(message.keys) != len(policy.stages):
            raise InvalidSnapshot(f"policy '{policy.name[:80]}' has {len(policy.stages)} stages, a class has another")
        for stage, key in zip(policy.stages, message.keys, strict=True):
            _check_key(stage, key)
        keys.append(tuple(message.keys))
        labels.append(message.label)
    return Classes(tuple(keys), tuple(labels))


def _check_key(stage: Stage, key: Key) -> None:
    """A key its stage cannot describe is none of its own."""
    try:
        stage.describe(key)
    except (ValueError, LookupError):
        raise InvalidSnapshot(f"stage '{stage.kind}' has no class '{key[:80]}'") from None


def dump_service(service: Service) -> pb.ServiceData:
    return pb.ServiceData(
        name=service.name.wire,
        zone=service.zone.wire,
        policy=service.policy,
        bindings=[pb.BindingData(slot=slot, pool=pool) for slot, pool in service.bindings],
        monitor=service.monitor or "",
        ttl_s=service.ttl_s,
        answers=service.answers,
        by_query=service.by_query,
        all_down=pb.AllDownData(
            kind=_ALL_DOWN[service.all_down.kind],
            pool=service.all_down.pool or "",
            addresses=[address.packed for address in service.all_down.addresses],
        ),
    )


class ServiceLoader:
    """Loads the services of one snapshot; what is equal in many of them is one object."""

    def __init__(self) -> None:
        self._zones: dict[bytes, Name] = {}
        self._bindings: dict[Bindings, Bindings] = {}
        self._all_down: dict[AllDown, AllDown] = {}

    def load(self, message: pb.ServiceData) -> Service:
        bindings = tuple((binding.slot, binding.pool) for binding in message.bindings)
        all_down = _load_all_down(message.all_down)
        return Service(
            name=load_name(message.name),
            zone=self._zone(message.zone),
            policy=intern(message.policy),
            bindings=self._bindings.setdefault(bindings, bindings),
            monitor=intern(message.monitor) or None,
            ttl_s=load_ttl(message.ttl_s),
            answers=message.answers,
            by_query=message.by_query,
            all_down=self._all_down.setdefault(all_down, all_down),
        )

    def _zone(self, wire: bytes) -> Name:
        if wire not in self._zones:
            self._zones[wire] = load_name(wire)
        return self._zones[wire]


def _load_all_down(message: pb.AllDownData) -> AllDown:
    kind = _ALL_DOWN_BACK.get(message.kind)
    if kind is None:
        raise InvalidSnapshot("a service's all_down is of a kind this version does not know")
    if (kind is AllDownKind.POOL) != bool(message.pool) or (kind is AllDownKind.ADDRESSES) != bool(message.addresses):
        raise InvalidSnapshot(f"a service's all_down is {kind}, with what does not belong to it")
    return AllDown(
        kind=kind,
        pool=message.pool or None,
        addresses=tuple(load_address(packed) for packed in message.addresses),
    )

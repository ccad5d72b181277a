"""Being let into etcd, or not: TLS with certificates on both sides, users with passwords, tokens that run out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest
import trustme
from structlog.testing import capture_logs
from support.etcd import Cluster, cluster
from support.waiting import until

from gslb.core.errors import StoreUnavailable
from gslb.store.base import Event
from gslb.store.etcd.options import EtcdOptions, Login, Tls
from gslb.store.etcd.store import EtcdStore

DEADLINE_S = 20
LOGIN = Login(user="aya", password="opensesame")


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def tls(ca: trustme.CA) -> Tls:
    ours = ca.issue_cert("coordinator.test")
    return Tls(ca=ca.cert_pem.bytes(), cert=ours.cert_chain_pems[0].bytes(), key=ours.private_key_pem.bytes())


@pytest.fixture(scope="module")
def member(ca: trustme.CA, tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One member that asks for certificates and users; `aya` may do all below `mine/` and `theirs/` is not its own."""
    folder = tmp_path_factory.mktemp("etcd")
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key", "our-cert", "our-key")}
    its = ca.issue_cert("127.0.0.1")
    contents = (tls.ca, its.cert_chain_pems[0].bytes(), its.private_key_pem.bytes(), tls.cert, tls.key)
    for path, content in zip(files.values(), contents, strict=True):
        path.write_bytes(content)
    extra = ["--client-cert-auth", "--trusted-ca-file", str(files["ca"])]
    extra += ["--cert-file", str(files["cert"]), "--key-file", str(files["key"])]
    control = [f"--cacert={files['ca']}", f"--cert={files['our-cert']}", f"--key={files['our-key']}"]
    with cluster(folder, 1, scheme="https", extra=extra, control=control) as running:
        ask_for_users(running)
        yield running


def ask_for_users(running: Cluster) -> None:
    running.etcdctl("user", "add", "root:toor")
    running.etcdctl("user", "add", f"{LOGIN.user}:{LOGIN.password}")
    running.etcdctl("role", "add", "ours")
    running.etcdctl("role", "grant-permission", "--prefix=true", "ours", "readwrite", "mine/")
    running.etcdctl("user", "grant-role", LOGIN.user, "ours")
    running.etcdctl("user", "grant-role", "root", "root")
    running.etcdctl("auth", "enable")
    running.control += ("--user=root:toor",)


@pytest.fixture
def right(member: Cluster, tls: Tls, request: pytest.FixtureRequest) -> EtcdOptions:
    return member.options(f"mine/{request.node.name}", tls=tls, login=LOGIN)


@asynccontextmanager
async def opened(options: EtcdOptions) -> AsyncIterator[EtcdStore]:
    store = await EtcdStore.open(options, new_incarnation=7)
    try:
        yield store
    finally:
        await store.close()


async def refused(options: EtcdOptions) -> str:
    """Why it cannot be opened."""
    with pytest.raises(StoreUnavailable) as error:
        async with opened(options):
            pass
    assert LOGIN.password not in str(error.value)
    return str(error.value)


async def test_certificate_and_password_open_it(right: EtcdOptions) -> None:
    async with opened(right) as store:
        revision = await store.commit(compares={}, puts={"a": b"1"})
        entry = await store.get("a")
        assert entry is not None
        assert entry.revision == revision


async def test_a_member_that_another_ca_has_signed_is_not_trusted(right: EtcdOptions, tls: Tls) -> None:
    other = replace(tls, ca=trustme.CA().cert_pem.bytes())
    assert "its certificate is not of the authority in --etcd-ca" in await refused(replace(right, tls=other))


async def test_no_certificate_or_one_of_another_ca_is_refused(right: EtcdOptions, tls: Tls) -> None:
    other = trustme.CA().issue_cert("coordinator.test")
    theirs = replace(tls, cert=other.cert_chain_pems[0].bytes(), key=other.private_key_pem.bytes())
    wrong = (Tls(ca=tls.ca), theirs, None)
    assert all(await asyncio.gather(*(refused(replace(right, tls=tls)) for tls in wrong)))


async def test_a_wrong_password_is_said(right: EtcdOptions) -> None:
    said = await refused(replace(right, login=Login(user="aya", password="wrong")))
    assert "look at --etcd-user and --etcd-password-file" in said


async def test_what_the_user_may_not_touch_is_refused_also_to_watches(right: EtcdOptions) -> None:
    assert "permission denied" in await refused(replace(right, prefix="theirs"))
    async with opened(right) as store:
        store.keys = replace(store.keys, prefix="theirs")
        for call in (store.get("a"), store.list(""), store.commit(compares={}, puts={"a": b""})):
            with pytest.raises(StoreUnavailable, match="permission denied"):
                await call
        async with asyncio.timeout(DEADLINE_S), aclosing(store.watch("", 0)) as watch:
            with pytest.raises(StoreUnavailable, match="permission denied"):
                await anext(watch)


async def test_an_election_that_the_user_may_not_hold_waits_and_says_why_once(right: EtcdOptions) -> None:
    async with opened(right) as store:
        store.keys = replace(store.keys, prefix="theirs")
        with capture_logs() as logs:
            calls = counted(store)
            holding = asyncio.create_task(store.campaign("e", "one").__aenter__())
            await until(lambda: len(calls) > 2)
            holding.cancel()
            await asyncio.wait([holding])
    assert [log["event"] for log in logs] == ["an election waits for the store"]
    assert "permission denied" in logs[0]["reason"]


def counted(store: EtcdStore) -> list[object]:
    """Grows with every call."""
    calls, call = list[object](), store.client.call

    async def counting(method: object, request: object, *, stale: bool = False) -> object:
        calls.append(method)
        return await call(method, request, stale=stale)

    store.client.call = counting
    return calls


async def test_a_token_that_etcd_has_forgotten_is_renewed_for_calls_watches_and_leadership(
    right: EtcdOptions, member: Cluster
) -> None:
    """A member keeps tokens in memory only, so a restart forgets them all."""
    async with asyncio.timeout(DEADLINE_S), opened(right) as store, store.campaign("e", "one") as leadership:
        revision = await store.commit(compares={}, puts={"a": b"1"})
        async with aclosing(store.watch("a", revision)) as watch:
            waiting = asyncio.ensure_future(anext(watch))
            await store.get("a")  # by now the watch is waiting
            member.members[0].kill()
            await asyncio.to_thread(member.start, 0)
            second = await store.commit(compares=leadership.fence, puts={"a": b"2"})
            assert await waiting == (Event(key="a", value=b"2", revision=second),)


async def test_an_incarnation_that_an_operator_raised_is_what_the_next_one_finds(
    right: EtcdOptions, member: Cluster
) -> None:
    async with opened(right) as store:
        revision = await store.commit(compares={}, puts={"a": b"1"})
        assert store.incarnation == 7
    member.etcdctl("put", f"{right.prefix}/incarnation", "99")
    async with opened(right) as store:
        assert store.incarnation == 99
        entry = await store.get("a")
        assert entry is not None
        assert entry.revision == revision
    member.etcdctl("put", f"{right.prefix}/incarnation", "not ours")
    assert "choose another" in await refused(right)

"""The break-glass file: what it may say, that it beats everything, and that a bad one changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from support.dnsworld import facts_of, world

from dns_server.break_glass import digest_of, load, watch
from gslb.cli.main import main
from gslb.config.break_glass import load_break_glass
from gslb.config.problems import ConfigErrors
from gslb.core.directives import Action, Directives, Override, Scope, ScopeKind
from gslb.core.model import Family
from gslb.core.silence import NO_SILENCE
from gslb.core.steering.decide import decide
from gslb.runtime.secrets import ExposedFile

GOOD = """
overrides:
  - {site: us, action: drain, why: power works}
  - {member: eu/e1, action: force_up, who: anna}
"""

CONFIG = """
zones: [{name: example.test, nameservers: [ns1.elsewhere.test], contact: ops@example.test}]
sites: [{name: us}]
"""


def override(kind: ScopeKind, name: str, action: Action) -> Override:
    return Override(scope=Scope(kind, name), action=action, who="x", why="y", since_unix_s=0, until_unix_s=None)


def test_overrides_are_read_and_sorted() -> None:
    found = load_break_glass(GOOD.encode(), "break-glass.yaml")
    assert [(str(one.scope), one.action) for one in found] == [
        ("member/eu/e1", Action.FORCE_UP),
        ("site/us", Action.DRAIN),
    ]
    assert (found[1].why, found[0].who) == ("power works", "anna")


def test_no_overrides_must_be_said() -> None:
    assert load_break_glass(b"overrides: []", "f") == ()
    with pytest.raises(ConfigErrors, match="the file is empty"):
        load_break_glass(b"", "f")


WRONG = {
    "an unknown key": ("overrides: [{site: us, action: drain, because: x}]", "1:39: unknown key `because`"),
    "an unknown action": ("overrides:\n  - {site: us, action: stop}", "2:24: `action`: `stop` is not known here"),
    "no action": ("overrides: [{site: us}]", "`action` is missing"),
    "two scopes": ("overrides: [{site: us, pool: us, action: drain}]", "1:13: name exactly one"),
    "no scope": ("overrides: [{action: drain}]", "1:13: name exactly one"),
    "half a member": ("overrides: [{member: us, action: drain}]", "1:22: `member` must be POOL/MEMBER"),
    "a scope twice": ("overrides: [{site: us, action: drain}, {site: us, action: force_up}]", "1:40: there are two"),
    "no list": ("overrides: {site: us}", "must be a list"),
    "no mapping": ("overrides: [us]", "must be a mapping"),
    "another top key": ("override: []", "unknown key `override`: did you mean `overrides`?"),
    "no YAML": ("overrides: [{site: us", "this is not YAML"),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_break_glass(text.encode(), "f.yaml")
    assert any(says in str(problem) for problem in caught.value.problems), caught.value.problems


def test_names_are_checked_where_the_configuration_is_known() -> None:
    with pytest.raises(ConfigErrors, match="there is no site `uss`: did you mean `us`"):
        load_break_glass(b"overrides: [{site: uss, action: drain}]", "f", world().model)


# In force


def serving(directives: Directives, pool: str) -> set[str]:
    decision = decide(world(), directives, facts_of(world()), NO_SILENCE)
    states = [state for key, state in decision.pools.items() if (key.pool, key.family) == (pool, Family.A)]
    return {member.member for state in states for member in state.members if member.serving}


def test_it_beats_directives_however_narrow_they_are() -> None:
    said = (override(ScopeKind.MEMBER, "us/u1", Action.FORCE_UP),)
    assert serving(Directives(revision=1, overrides=said), "us") == {"u1", "u2", "u3"}
    glass = (override(ScopeKind.SITE, "us", Action.FORCE_DOWN),)
    assert serving(Directives(revision=1, overrides=said, break_glass=glass), "us") == set()


def test_within_it_the_narrower_scope_counts() -> None:
    glass = (override(ScopeKind.MEMBER, "us/u2", Action.FORCE_UP), override(ScopeKind.SITE, "us", Action.DRAIN))
    assert serving(Directives(break_glass=glass), "us") == {"u2"}


def test_what_it_does_not_name_is_left_to_directives() -> None:
    said = (override(ScopeKind.MEMBER, "us/u1", Action.DRAIN),)
    glass = (override(ScopeKind.MEMBER, "us/u2", Action.DRAIN),)
    assert serving(Directives(revision=1, overrides=said, break_glass=glass), "us") == {"u3"}


# The file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "break-glass.yaml"


def kept_of(path: Path) -> Path:
    return path.parent / "dns" / "break-glass"


def test_no_file_is_no_override(path: Path) -> None:
    assert load(path) == ()


def test_a_file_that_anybody_may_change_is_refused(path: Path) -> None:
    path.write_text(GOOD)
    path.chmod(0o666)
    with pytest.raises(ExposedFile, match="others may change it"):
        load(path)


def test_a_bad_file_changes_nothing_and_a_good_one_ends_it(path: Path) -> None:
    path.write_text(GOOD)
    watched = watch(path, kept_of(path))
    assert len(watched.current) == 2
    path.write_text("overrides: [{")
    assert not watched.renew()
    assert (len(watched.current), watched.spoilt != "", watched.refused) == (2, True, 1)
    path.write_text("overrides: []")
    assert watched.renew()
    assert (watched.current, watched.spoilt) == ((), "")


def test_a_bad_file_at_the_start_is_no_override(path: Path) -> None:
    path.write_text("what")
    watched = watch(path, kept_of(path))
    assert (watched.current, watched.spoilt != "", watched.refused) == ((), True, 1)


def test_what_a_file_said_before_it_was_spoilt_is_in_force_after_a_restart(path: Path) -> None:
    path.write_text(GOOD)
    before = watch(path, kept_of(path)).current
    path.write_text("overrides: [{")
    watched = watch(path, kept_of(path))
    assert (watched.current, watched.spoilt != "", watched.refused) == (before, True, 1)
    path.write_text("overrides: []")
    assert watched.renew()
    assert (watched.current, watched.spoilt) == ((), "")
    path.write_text("overrides: [{")
    assert watch(path, kept_of(path)).current == ()


def test_a_file_that_was_removed_while_nothing_ran_is_not_remembered(path: Path) -> None:
    path.write_text(GOOD)
    assert watch(path, kept_of(path)).current
    path.unlink()
    assert watch(path, kept_of(path)).current == ()
    path.write_text("what")
    assert watch(path, kept_of(path)).current == ()


def test_what_was_kept_and_is_damaged_is_as_none(path: Path) -> None:
    path.write_text(GOOD)
    assert watch(path, kept_of(path)).current
    kept_of(path).write_text("{")
    path.write_text("what")
    assert watch(path, kept_of(path)).current == ()


def test_a_disk_that_keeps_nothing_is_no_reason_not_to_obey(path: Path) -> None:
    path.write_text(GOOD)
    kept_of(path).parent.write_text("a file where the folder would be")
    assert len(watch(path, kept_of(path)).current) == 2


def test_a_file_that_is_gone_counts_at_the_second_look(path: Path) -> None:
    """Some editors remove a file before they write it anew."""
    path.write_text(GOOD)
    watched = watch(path, kept_of(path))
    path.unlink()
    assert not watched.renew()
    path.write_text(GOOD)
    assert not watched.renew()
    path.unlink()
    assert [watched.renew(), watched.renew()] == [False, True]
    assert watched.current == ()


def test_the_digest_tells_sets_apart() -> None:
    one, other = override(ScopeKind.SITE, "us", Action.DRAIN), override(ScopeKind.SITE, "eu", Action.DRAIN)
    assert digest_of(()) == b""
    assert len({digest_of((one,)), digest_of((other,)), digest_of((one, other))}) == 3


# gslb check


def test_the_command_checks_a_file_alone_and_against_a_configuration(path: Path, tmp_path: Path) -> None:
    path.write_text(GOOD)
    alone = CliRunner().invoke(main, ["check", "--break-glass", str(path)])
    assert (alone.exit_code, alone.output) == (0, f"{path}: right: 2 overrides\n")
    config = tmp_path / "gslb.yaml"
    config.write_text(CONFIG)
    both = CliRunner().invoke(main, ["check", str(config), "--break-glass", str(path)])
    assert both.exit_code == 1
    assert "there is no member `eu/e1`" in both.output
    assert CliRunner().invoke(main, ["check"]).exit_code == 2

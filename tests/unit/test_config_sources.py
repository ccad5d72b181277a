"""Where files come from, and the limits that keep hostile ones from hanging or filling a process."""

from __future__ import annotations

import os
from pathlib import Path
from time import process_time

import pytest

from gslb.config import BundleSource, ConfigErrors, DiskSource, Problem, limits, load
from gslb.config.problems import MAX_PROBLEMS

ZONE = "zones: [{name: g.example, nameservers: ns.other.example, contact: a@b.example}]\n"


def refused(source: BundleSource | DiskSource | str, main: str = "m") -> tuple[Problem, ...]:
    """The problems of a configuration that must not load."""
    with pytest.raises(ConfigErrors) as caught:
        load(BundleSource({"m": source.encode()}) if isinstance(source, str) else source, main)
    return caught.value.problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in ("a.yaml", "sub/b.yaml", "sub/.hidden.yaml", "sub/deep/c.yaml", "sub/b.txt", ".dot/d.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.yaml", ("a.yaml",)),
        ("sub/*.yaml", ("sub/b.yaml",)),
        ("*/b.*", ("sub/b.txt", "sub/b.yaml")),
        ("sub/[a-c].yaml", ("sub/b.yaml",)),
        ("sub/.h*.yaml", ("sub/.hidden.yaml",)),
        ("**/c.yaml", ()),
        ("nothing*", ()),
    ],
)
def test_patterns_mean_the_same_on_disk_and_in_a_bundle(folder: Path, pattern: str, expected: tuple[str, ...]) -> None:
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert DiskSource(folder).glob(pattern) == expected
    assert BundleSource(files).glob(pattern) == expected


def test_a_bundle_of_what_was_read_loads_the_same() -> None:
    large = DiskSource(Path(__file__).parents[2] / "examples" / "large")
    loaded = load(large, "gslb.yaml")
    again = load(BundleSource({path: large.read(path) for path in loaded.files}), "gslb.yaml")
    assert again == loaded


def test_paths_are_seen_from_the_main_file(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "main.yaml").write_text("include: [../other.yaml]\n" + ZONE)
    (tmp_path / "other.yaml").write_text("sites: [{name: s}]\n")
    loaded = load(DiskSource(tmp_path / "conf"), "main.yaml")
    assert loaded.files == ("main.yaml", "../other.yaml")
    absolute = str(tmp_path / "other.yaml")
    (tmp_path / "conf" / "main.yaml").write_text(f"include: [{absolute}]\n" + ZONE)
    assert load(DiskSource(tmp_path / "conf"), "main.yaml").files == ("main.yaml", absolute)


def test_a_missing_main_file_is_a_problem_of_its_own() -> None:
    assert [str(problem) for problem in refused(BundleSource({}), "conf/x.yaml")] == [
        "conf/x.yaml:1:1: cannot read `conf/x.yaml`: not among the files sent along; correct the path or the file"
    ]


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in str(refused(DiskSource(tmp_path), "pipe")[0])
    assert "not a regular file" in str(refused(DiskSource(tmp_path), ".")[0])
    assert "cannot read" in str(refused(DiskSource(tmp_path), "a\0b")[0])


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    content = b"#" * (limits.MAX_FILE_BYTES + 1)
    (tmp_path / "big").write_bytes(content)
    assert "larger than 16 MiB" in str(refused(DiskSource(tmp_path), "big")[0])
    assert "larger than 16 MiB" in str(refused(BundleSource({"m": content}))[0])


def test_too_many_files_are_refused() -> None:
    files = {f"part/{number}.yaml": b"{}" for number in range(limits.MAX_FILES + 5)}
    problems = refused(BundleSource(files | {"m": f"include: part/*.yaml\n{ZONE}".encode()}))
    assert [problem.text for problem in problems] == ["more than 1000 files or 64 MiB: use fewer, smaller files"]


def test_errors_are_counted_and_the_first_is_shown() -> None:
    text = ZONE + "sites: [" + "{nam: x}, " * (MAX_PROBLEMS * 2) + "]"
    problems = refused(text)
    assert len(problems) == MAX_PROBLEMS
    error = ConfigErrors(problems)
    assert str(error).startswith(str(problems[0]))
    assert "and 999 more" in str(error)
    assert list(problems) == sorted(problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: " + "[" * 100_000 + "]" * 100_000, "nested more than 32 deep"),
        ("a: " + "{b: " * 100_000 + "}" * 100_000, "nested more than 32 deep"),
        ("a: &a [&a [&a []]]\nb: " + "*a\nc: *a", "unknown key"),
        ("a: &a [*a]", "names no anchor before it"),
        (
            "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12)),
            "more than 2000000 values",
        ),
    ],
)
def test_hostile_yaml_is_refused_at_once(text: str, said: str) -> None:
    start = process_time()
    assert any(said in problem.text for problem in refused(text))
    assert process_time() - start < 5


def test_hostile_for_each_is_refused_at_once() -> None:
    keys = ", ".join(f"k{number}: [a, b, c, d, e, f, g, h, i, j]" for number in range(12))
    start = process_time()
    problems = refused(ZONE + f"services: [{{for_each: {{{keys}}}, name: x.g.example, pools: [p]}}]")
    assert ["more than 100000 services" in problem.text for problem in problems] == [True]
    assert process_time() - start < 5


def test_many_misspelt_names_are_reported_quickly() -> None:
    """Only the first ones with a guess at what was meant."""
    endpoints = ", ".join(f"{{name: server-{n}, address: 10.0.{n >> 8}.{n & 255}}}" for n in range(3000))
    pools = "".join(f"  - {{name: p{n}, members: [servre-{n}]}}\n" for n in range(3000))
    start = process_time()
    problems = refused(f"{ZONE}endpoints: [{endpoints}]\npools:\n{pools}")
    assert process_time() - start < 6
    assert len(problems) == MAX_PROBLEMS
    assert problems[0].text == "no endpoint `servre-0`: did you mean `server-0`?"
    assert problems[-1].text.endswith(": correct the name")


def test_many_rules_are_compared_quickly() -> None:
    rules = ", ".join(f"{{match: {{asn: {number}}}, try: p}}" for number in range(1, limits.MAX_RULES + 1))
    text = f"""{ZONE}
pools: [{{name: p, members: [{{name: a, address: 192.0.2.1}}]}}]
services: [{{name: w.g.example, pools: [p], steering: [geo: {{rules: [{rules}]}}]}}]"""
    start = process_time()
    assert load(BundleSource({"m": text.encode()}), "m").warnings == ()
    assert process_time() - start < 5
    tags = text.replace("asn: ", "tag: {a: x").replace("}, try", "}}, try")
    assert "too many rules that may overlap" in refused(tags)[0].text
    more = text.replace("rules: [", "rules: [{match: {asn: 9999999}, try: p}, ")
    assert "a chain may have 2000 rules" in refused(more)[0].text


def test_four_thousand_members_load_quickly() -> None:
    """Processor time, for machines may be busy: 0.4 s where this was written."""
    pools = "".join(
        f"  - name: p{pool}\n    site: s\n    members:\n"
        + "".join(f"      - {{name: m{n}, address: 10.{pool // 256}.{pool % 256}.{n}, weight: 3}}\n" for n in range(10))
        for pool in range(400)
    )
    services = "".join(f"  - {{name: s{n}.g.example, pools: [p{n}], steering: [nearest]}}\n" for n in range(400))
    site = "sites: [{name: s, location: {latitude: 1, longitude: 1}}]\n"
    source = BundleSource({"m": f"{ZONE}{site}pools:\n{pools}services:\n{services}".encode()})
    start = process_time()
    loaded = load(source, "m")
    assert process_time() - start < 2
    assert len(loaded.model.endpoints) == 4000
    assert loaded.warnings == ()

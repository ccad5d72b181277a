"""Whatever is done to a valid configuration: it loads, or ConfigErrors says why, each time at a place that exists."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gslb.config import BundleSource, ConfigErrors, DiskSource, Problem, load

EXAMPLES = Path(__file__).parents[2] / "examples"
MAIN = "gslb.yaml"
FILES = {path: DiskSource(EXAMPLES / "large").read(path) for path in load(DiskSource(EXAMPLES / "large"), MAIN).files}

SNIPPETS = (
    *(
        "",
        " ",
        "\n",
        "\t",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "#",
        "&a ",
        "*a",
        "!x ",
        "|\n",
        "0",
        "-1",
        "999999",
    ),
    *("@", "$ORIGIN .\n", "(", ")", ";", "\\", "\\300", "A", "CNAME", "SOA", "TYPE1", "..", "*", "null", "é", "\x00"),
    *("services: []\n", "zones:\n", "include: [a]\n", "{app}", "{x}", "for_each", "steering: [geo]", "match: {}"),
)


@st.composite
def edits(draw: st.DrawFn) -> dict[str, bytes]:
    """The large example with a few cuts, insertions, and lines moved."""
    files = dict(FILES)
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(sorted(files)))
        content = files[path]
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 30)))
        files[path] = content[:start] + draw(st.sampled_from(SNIPPETS)).encode() + content[end:]
    if draw(st.booleans()):
        path = draw(st.sampled_from(sorted(files)))
        lines = files[path].splitlines(keepends=True)
        if lines:
            lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(lines)))
        files[path] = b"".join(lines)
    return files


@given(edits())
@settings(max_examples=200)
def test_a_mutated_configuration_loads_or_says_why(files: dict[str, bytes]) -> None:
    try:
        problems = load(BundleSource(files), MAIN).warnings
    except ConfigErrors as errors:
        problems = errors.problems
        assert problems
    for problem in problems:
        assert_place(problem, files)


@given(st.binary(max_size=300))
@example("À\0".encode())
@settings(max_examples=200)
def test_any_bytes_load_or_say_why(content: bytes) -> None:
    files = {MAIN: content}
    try:
        load(BundleSource(files), MAIN)
    except ConfigErrors as errors:
        for problem in errors.problems:
            assert_place(problem, files)


@given(st.text(alphabet=st.sampled_from('ab1 \n\t"\\();$@.*TXTA'), max_size=200))
@settings(max_examples=200)
def test_any_zone_file_loads_or_says_why(text: str) -> None:
    files = {
        MAIN: b"zones: [{name: g.example, nameservers: ns.other.example, contact: a@b.example, file: z}]",
        "z": text.encode(),
    }
    try:
        load(BundleSource(files), MAIN)
    except ConfigErrors as errors:
        for problem in errors.problems:
            assert_place(problem, files)


def assert_place(problem: Problem, files: dict[str, bytes]) -> None:
    assert problem.text
    assert "\n" not in problem.text
    lines = files[problem.file].decode("utf-8", "replace").split("\n")
    assert 1 <= problem.line <= len(lines) + 1, problem
    line = lines[problem.line - 1] if problem.line <= len(lines) else ""
    assert 1 <= problem.column <= len(line) + 1, problem

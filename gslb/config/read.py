"""The main file and everything it includes, joined into one tree of nodes; every node knows its own file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from posixpath import normpath

from gslb.config.compose import compose
from gslb.config.limits import MAX_FILES, MAX_TOTAL_BYTES
from gslb.config.nodes import Entry, Items, Node, Scalar, Table
from gslb.config.problems import Mark, Problems
from gslb.config.source import FileSource, beside, reason

_WILD = frozenset("*?[")


@dataclass(slots=True)
class Files:
    """Reads files within the limits and remembers which ones; `paths` in the order of reading, the main file first."""

    source: FileSource
    problems: Problems
    paths: list[str] = field(default_factory=list)
    _contents: dict[str, bytes] = field(default_factory=dict)
    _total_bytes: int = 0

    def read(self, path: str, mark: Mark) -> bytes | None:
        """The content, or None with the reason reported at `mark`."""
        if path in self._contents:
            return self._contents[path]
        if len(self.paths) >= MAX_FILES or self._total_bytes > MAX_TOTAL_BYTES:
            self.problems.error(
                mark, f"more than {MAX_FILES} files or {MAX_TOTAL_BYTES // 2**20} MiB: use fewer, smaller files"
            )
            return None
        try:
            content = self.source.read(path)
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            self.problems.error(mark, f"cannot read `{path}`: {why}; correct the path or the file")
            return None
        self.paths.append(path)
        self._contents[path] = content
        self._total_bytes += len(content)
        return content


def read_tree(files: Files, main: str) -> Table:
    """The joined tree; what cannot be read is reported and left out."""
    main = normpath(main)
    joined = _Joined(Mark(main, 1, 1), files.problems)
    _Includer(files, joined).add(main, joined.mark, ())
    return Table(joined.entries, joined.mark)


@dataclass(slots=True)
class _Includer:
    files: Files
    joined: _Joined
    added: set[str] = field(default_factory=set)

    def add(self, path: str, mark: Mark, chain: tuple[str, ...]) -> None:
        """Join the file at `path`, named at `mark`, then what it includes. `chain`: the files that led here."""
        problems = self.files.problems
        if path in chain:
            problems.error(mark, f"`{path}` includes itself ({' -> '.join((*chain, path))}): remove one include")
            return
        if path in self.added:
            problems.error(mark, f"`{path}` is included twice: keep one include")
            return
        self.added.add(path)
        content = self.files.read(path, mark)
        table = compose(content, path, problems) if content is not None else None
        if table is None:
            return
        self.joined.add(table)
        for pattern in self._patterns(table):
            self._include(pattern, path, (*chain, path))

    def _patterns(self, table: Table) -> Iterable[Scalar]:
        if "include" not in table.entries:
            return
        value = table.entries["include"].value
        for item in value.items if isinstance(value, Items) else (value,):
            if isinstance(item, Scalar) and item.text:
                yield item
            else:
                self.files.problems.error(
                    item.mark, "`include` must be a path or a list of paths, as in [services/*.yaml]"
                )

    def _include(self, pattern: Scalar, file: str, chain: tuple[str, ...]) -> None:
        wanted = beside(pattern.text, file)
        if _WILD.isdisjoint(pattern.text):
            self.add(wanted, pattern.mark, chain)
            return
        found = [path for path in self._glob(wanted, pattern.mark) if path != file]
        if not found:
            self.files.problems.warn(pattern.mark, f"`{pattern.text}` matches no file: correct the path, or remove it")
        for path in found:
            self.add(path, pattern.mark, chain)

    def _glob(self, pattern: str, mark: Mark) -> tuple[str, ...]:
        try:
            return self.files.source.glob(pattern)
        except (OSError, ValueError) as error:
            self.files.problems.error(mark, f"cannot look for `{pattern}`: {error}; correct the path")
            return ()


@dataclass(slots=True)
class _Joined:
    """Top-level keys of all files: lists are appended, anything else may stand once."""

    mark: Mark
    problems: Problems
    entries: dict[str, Entry] = field(default_factory=dict)

    def add(self, table: Table) -> None:
        for name, entry in table.entries.items():
            if name == "include":
                continue
            earlier = self.entries.get(name)
            if earlier is None:
                self.entries[name] = entry
            elif isinstance(earlier.value, Items) and isinstance(entry.value, Items):
                both = Items((*earlier.value.items, *entry.value.items), earlier.value.mark)
                self.entries[name] = Entry(earlier.mark, both)
            else:
                self._clash(name, entry, earlier.value)

    def _clash(self, name: str, entry: Entry, earlier: Node) -> None:
        advice = "make both lists" if isinstance(earlier, Items) or isinstance(entry.value, Items) else "keep one"
        self.problems.error(entry.mark, f"`{name}` stands in {earlier.mark.file} too: {advice}")

"""The table of promises: what must never break, and the tests that hold it.

`python -m tests.promises` writes `PROMISES.md` from `promises.toml`, and says which of the tests
named there do not exist.  `--check` writes nothing; it fails when the file is not what would be
written.
"""

from __future__ import annotations

import argparse
import ast
import functools
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

_FOLDER = Path(__file__).parent

DOCUMENT = _FOLDER / "PROMISES.md"

SECTIONS = {
    "A": "Origin, URL and request",
    "B": "Responses",
    "C": "Retries, rate limits, time",
    "D": "Concurrency, cancellation, lifecycle",
    "E": "Credentials",
    "F": "Webhooks",
    "G": "Secrets never leave",
    "H": "The emulator",
    "I": "Supply chain and build",
}

_HEAD = """\
# Promises

What must never break, and what holds it. A row holds when its tests pass; they are named by file
and function, below `tests/`. Which fault ends how in which operation stands in `FAULTS.md`.

Written by `python -m tests.promises` from `promises.toml`: change it there.
"""


@attrs.frozen(kw_only=True)
class Promise:
    """One row."""

    id: str
    promise: str
    figure: str = ""
    left_out: str = ""
    """What of it no test holds, and why."""

    tests: Mapping[str, Sequence[str]] = attrs.Factory(dict)
    """Names of tests, by their file."""


def read_promises() -> list[Promise]:
    """Return all rows, in their order."""
    rows = tomllib.loads((_FOLDER / "promises.toml").read_text())
    return [Promise(id=name, **row) for name, row in rows.items()]


def missing_tests(promises: Sequence[Promise]) -> list[str]:
    """Return the tests that are named and do not exist, by the promise that names them."""
    return [
        f"{promise.id}: {file}::{name}"
        for promise in promises
        for file, names in promise.tests.items()
        for name in names
        if not exists(file, name)
    ]


def exists(file: str, name: str) -> bool:
    """Tell whether pytest collects a function of this name from this file below `tests/`.

    What stands in brackets behind it, the name of one of its cases, is not looked at.
    """
    return Path(file).name.startswith("test_") and name.partition("[")[0] in _functions(file)


@functools.cache
def _functions(file: str) -> frozenset[str]:
    path = _FOLDER / file
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text()).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def document(promises: Sequence[Promise]) -> str:
    """Return the text of `PROMISES.md`."""
    return "\n".join([_HEAD, *_lines(promises)])


def _lines(promises: Sequence[Promise]) -> Iterator[str]:
    for letter, title in SECTIONS.items():
        yield f"## {letter}. {title}\n"
        yield "| | promise | held by | figure |\n|---|---|---|---|"
        for row in promises:
            if row.id.startswith(letter):
                yield f"| {row.id} | {row.promise} | {_tests(row)} | {row.figure} |"
        yield ""
    yield "## Left out\n"
    yield "| | what, and why |\n|---|---|"
    yield from (f"| {row.id} | {row.left_out} |" for row in promises if row.left_out)
    yield ""


def _tests(row: Promise) -> str:
    return "<br>".join(f"`{file}`: {', '.join(names)}" for file, names in row.tests.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the table, or check it."""
    parser = argparse.ArgumentParser(description="Write PROMISES.md from promises.toml.")
    parser.add_argument("--check", action="store_true", help="only tell whether it is up to date")
    check = parser.parse_args(arguments).check
    promises = read_promises()
    text, missing = document(promises), missing_tests(promises)
    for line in missing:
        print(f"no such test: {line}", file=sys.stderr)
    if not check:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.is_file() or DOCUMENT.read_text() != text:
        print("PROMISES.md is not what promises.toml says", file=sys.stderr)
        return 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

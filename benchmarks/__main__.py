"""Run the measurements and print their tables; progress goes to the standard error."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import textwrap
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import attrs

from benchmarks import calls, decode, fan_out, herd, imports, limiter, memory, prefetch, webhooks
from benchmarks.measure import Table, Tables, say
from benchmarks.picture import draw

Result: TypeAlias = Table | Tables | str
"""What a measurement gives; text where a row is more than figures with ratios."""

_PACKAGES = (
    *("aiohttp", "attrs", "cattrs", "orjson", "aiolimiter", "pydantic", "msgspec", "httpx"),
    *("requests", "standardwebhooks", "openapi-python-client", "openapi-generator-cli"),
)


@attrs.frozen
class Benchmark:
    """A measurement, as it is named on the command line."""

    about: str
    run: Callable[[bool], Result]
    """Runs it; True for fewer rounds."""

    seconds: tuple[int, int]
    """About how long it takes, in full and when quick."""


BENCHMARKS = {
    "imports": Benchmark(
        "what importing costs", lambda quick: imports.run(rounds=5 if quick else 15), (30, 10)
    ),
    "call": Benchmark(
        "one small call",
        lambda quick: calls.one_call(rounds=3 if quick else 9, calls=200 if quick else 1000),
        (60, 10),
    ),
    "pages": Benchmark(
        "2,000 pages at several concurrencies",
        lambda quick: calls.run(
            rounds=3 if quick else 5,
            calls=200 if quick else 2000,
            concurrencies=(1, 50) if quick else calls.CONCURRENCIES,
        ),
        (720, 25),
    ),
    "decode": Benchmark(
        "from bytes to objects", lambda quick: decode.run(11 if quick else 101), (20, 5)
    ),
    "memory": Benchmark(
        "executions that are kept",
        lambda quick: memory.run(rows=10_000 if quick else 100_000),
        (30, 4),
    ),
    "fan_out": Benchmark(
        "many histories at once",
        lambda quick: fan_out.run(rounds=1 if quick else 5, lists=40 if quick else 200),
        (45, 5),
    ),
    "prefetch": Benchmark(
        "pages on their way",
        lambda quick: prefetch.run(rounds=1 if quick else 5, pages=(20,) if quick else (20, 100)),
        (70, 3),
    ),
    "limiter": Benchmark(
        "what a turn costs, and in which order one leaves",
        lambda quick: limiter.run(1, (1_000, 10_000), 2_000) if quick else limiter.run(),
        (50, 5),
    ),
    "herd": Benchmark(
        "many calls against each rate limit",
        lambda quick: herd.run(300) if quick else "\n\n".join(map(herd.run, (300, 1000))),
        (15, 5),
    ),
    "webhooks": Benchmark(
        "verifying a delivery", lambda quick: webhooks.run(11 if quick else 101), (5, 2)
    ),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    names = [name for name in BENCHMARKS if not chosen.only or name in chosen.only]
    # Minutes later would be too late to say so.
    if chosen.png and find_spec("matplotlib") is None:
        parser.error("--png needs matplotlib: pip install 'cloudflow-async[bench]'")
    if chosen.png and "pages" not in names:
        parser.error("--png draws the tables of 'pages', which --only leaves out")
    # The servers are here; what the environment says of proxies is not for them.
    os.environ["NO_PROXY"] = "127.0.0.1"
    made_with = f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {_versions()}"
    print(textwrap.fill(made_with, 100), end="\n\n")
    results = _run(names, quick=chosen.quick)
    if chosen.json:
        _write(chosen.json, results, made_with=made_with, quick=chosen.quick)
    if chosen.png:
        tables = [table for table in _tables(results["pages"]) if _is_drawn(table)]
        draw(tables, chosen.png, footer=_short(made_with))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=BENCHMARKS,
        metavar="NAME",
        help="; ".join(f"{name}: {benchmark.about}" for name, benchmark in BENCHMARKS.items()),
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each round's figures")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw the tables of 'pages'")
    return parser


def _run(names: Sequence[str], *, quick: bool) -> dict[str, Result]:
    results: dict[str, Result] = {}
    seconds = {name: BENCHMARKS[name].seconds[quick] for name in names}
    say(f"{len(names)} measurements, about {_duration(sum(seconds.values()))}")
    for name in names:
        say(f"{name}: {BENCHMARKS[name].about}, about {_duration(seconds[name])}")
        results[name] = BENCHMARKS[name].run(quick)
        print(results[name], end="\n\n", flush=True)
    return results


def _write(path: Path, results: dict[str, Result], *, made_with: str, quick: bool) -> None:
    measured = {
        name: [table.to_dict() for table in _tables(result)] or str(result)
        for name, result in results.items()
    }
    about = {"made_with": made_with, "quick": quick, "measured": measured}
    path.write_text(json.dumps(about, indent=2) + "\n")


def _tables(result: Result) -> list[Table]:
    if isinstance(result, str):
        return []
    return [result] if isinstance(result, Table) else list(result)


def _is_drawn(table: Table) -> bool:
    return "one after another" in table.title or " 50 at a time" in table.title


def _versions() -> str:
    return ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _short(made_with: str) -> str:
    return made_with.partition(", attrs ")[0]


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


if __name__ == "__main__":
    main()

"""Run all measurements: ``python -m benchmarks [--quick]``."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform

from benchmarks import calls, decode, herd, imports, webhooks


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, rougher figures")
    quick = parser.parse_args().quick
    names = ("aiohttp", "attrs", "cattrs", "orjson")
    versions = ", ".join(f"{name} {_version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}\n")
    print(imports.run(rounds=5 if quick else 15), end="\n\n")
    print(calls.run(rounds=3 if quick else 9, calls=200 if quick else 600), end="\n\n")
    print(decode.run(11 if quick else 101), end="\n\n")
    print(webhooks.run(11 if quick else 101), end="\n\n")
    print(herd.run(300), herd.run(1000), sep="\n\n")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


if __name__ == "__main__":
    main()

"""What a call costs, and thousands of them: ``python -m benchmarks.calls [calls rounds]``."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial

from benchmarks.measure import Cost, Table, Tables, cost_columns, interleave, say
from benchmarks.peers import Endpoint, Peer, peers
from benchmarks.server import static_server

CONCURRENCIES = (1, 10, 50, 100)


def run(*, rounds: int, calls: int, concurrencies: Sequence[int] = (1, 50)) -> Tables:
    """Return a table for each number of calls under way: a page each, of 100 executions."""
    measured, absent = peers("page")
    with static_server() as base_url:
        tables = []
        for concurrency in concurrencies:
            title = f"{calls:,} pages of 100 executions, {_at_a_time(concurrency)}"
            say(f"  {title}")
            results = _interleave(measured, base_url, calls, concurrency, rounds)
            tables.append(_table(title, results, calls, absent))
    return Tables(tables)


def one_call(*, rounds: int, calls: int) -> Table:
    """Return the table of a small answer, where the page's decoding does not count."""
    endpoint: Endpoint = "workflow"
    measured, absent = peers(endpoint)
    with static_server() as base_url:
        results = _interleave(measured, base_url, calls, 1, rounds)
    return _table("One call: GET /workflows/{id}, one after another", results, calls, absent)


def _interleave(
    measured: Mapping[str, Peer], base_url: str, calls: int, concurrency: int, rounds: int
) -> dict[str, list[Cost]]:
    runs = {
        name: partial(peer.measure, base_url, calls, concurrency) for name, peer in measured.items()
    }
    return interleave(runs, rounds)


def _table(
    title: str, results: Mapping[str, Sequence[Cost]], calls: int, absent: Sequence[str]
) -> Table:
    each = {name: [cost.over(calls) for cost in costs] for name, costs in results.items()}
    return Table(title, cost_columns(each, what="a call", unit="us"), notes=absent)


def _at_a_time(concurrency: int) -> str:
    return "one after another" if concurrency == 1 else f"{concurrency} at a time"


if __name__ == "__main__":
    calls, rounds = map(int, sys.argv[1:] or ("600", "5"))
    print(run(calls=calls, rounds=rounds))

"""The benchmarks run; what they measure decides nothing here."""

from __future__ import annotations

from benchmarks import calls, decode, herd, imports, webhooks


def test_calls() -> None:
    """Each peer's calls are measured, one after another and many at a time."""
    table = calls.run(rounds=1, calls=2)

    assert 2 == table.count("CloudFlow.pipelines.executions()")


def test_decode() -> None:
    """Decoding is measured against what is installed to compare it with."""
    assert "ours, orjson" in decode.run(1)


def test_herd() -> None:
    """A herd is run against each reading of the limit; ours earns no 429."""
    ours = [line.split() for line in herd.run(120).splitlines() if "CloudFlow" in line]

    assert [[mode, "120", "0"] for mode in herd.MODES] == [row[1:4] for row in ours]


def test_imports() -> None:
    """Importing is measured in an interpreter of its own."""
    assert "from cloudflow_async import CloudFlow" in imports.run(rounds=1)


def test_webhooks() -> None:
    """Verifying is measured against what is installed to compare it with."""
    assert "ours, into a typed event" in webhooks.run(1)

"""The benchmarks run; what they measure decides nothing here."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    calls,
    decode,
    fan_out,
    generated,
    herd,
    imports,
    limiter,
    measure,
    memory,
    peers,
    picture,
    prefetch,
    server,
    webhooks,
)
from cloudflow_async import Response

pytestmark = pytest.mark.timeout(60)
"""Clients are generated and a dozen interpreters started, which takes long on a busy machine."""


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """Return the base URL of a server that always gives the same page."""
    with server.static_server() as url:
        yield url


def test_calls() -> None:
    """Each peer's calls are measured, one after another and many at a time."""
    tables = list(calls.run(rounds=1, calls=2, concurrencies=(1, 2)))

    present, absent = peers.peers("page")
    assert [[*present], [*present]] == [table.rows for table in tables]
    assert [absent, absent] == [table.notes for table in tables]
    assert [peers.FLOOR, peers.FLOOR] == [table.floor for table in tables]
    assert ["one after another", "2 at a time"] == [t.title.rpartition(", ")[2] for t in tables]


def test_one_call() -> None:
    """A call with a small answer is measured for the same peers."""
    table = calls.one_call(rounds=1, calls=2)

    assert [peers.FLOOR, peers.OURS["workflow"]] == [table.rows[0], table.rows[-1]]
    assert len(peers.peers("page")[0]) == len(table.rows)


def test_every_peer_gets_the_page(base_url: str) -> None:
    """A peer is not quick because it fails: what each call gives has the 100 rows of the page."""
    present, _ = peers.peers("page")
    rows = {name: _count(peer.answer(base_url)) for name, peer in present.items()}

    assert dict.fromkeys(present, 100) == rows


def test_every_peer_gets_the_workflow(base_url: str) -> None:
    """The same for the workflow, by its id."""
    present, _ = peers.peers("workflow")
    answers = {name: str(_plain(peer.answer(base_url))) for name, peer in present.items()}

    assert [] == [name for name, text in answers.items() if "wf_8x7k2m9p" not in text]


def _count(answer: Any) -> int:
    """Return the number of executions in what a peer gives."""
    answer = _plain(answer)
    if isinstance(answer, dict):
        return len(answer["data"])
    return len(getattr(answer, "data", answer))


def _plain(answer: Any) -> Any:
    """Return the JSON of what is not decoded, and everything else as it is."""
    if isinstance(answer, bytes):
        return json.loads(answer)
    return answer.json() if isinstance(answer, Response) else answer


def test_an_absent_peer_is_named() -> None:
    """Who is not installed is left out, with the reason in a note of the table."""

    def make_missing() -> None:
        raise ModuleNotFoundError("No module named 'nowhere'")

    def make_toolless() -> None:
        raise generated.AbsentError("the tool is not installed")

    present, absent = peers.present(
        {"here": lambda: None, "gone": make_missing, "toolless": make_toolless}
    )

    assert {"here": None} == present
    assert [
        "absent: gone: No module named 'nowhere'",
        "absent: toolless: the tool is not installed",
    ] == absent


@pytest.mark.parametrize(
    ("make", "tool"),
    [
        (generated.openapi_python_client, "openapi-python-client"),
        (generated.openapi_generator, "openapi-generator-cli"),
    ],
    ids=["openapi-python-client", "openapi-generator-cli"],
)
class TestGenerators:
    """Clients are made at run time, or it is said why not."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # A tool beside the interpreter is found whatever the PATH says.
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        monkeypatch.setenv("PATH", str(tmp_path))
        self._program(tmp_path / "java", "exit 0")

    def _program(self, path: Path, line: str) -> None:
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def test_a_tool_that_is_not_installed(
        self, make: functools._lru_cache_wrapper[Any], tool: str
    ) -> None:
        """A generator that is nowhere makes its peer absent."""
        with pytest.raises(generated.AbsentError, match=f"^{tool} is not installed$"):
            make.__wrapped__()

    def test_a_tool_that_fails(
        self, make: functools._lru_cache_wrapper[Any], tool: str, tmp_path: Path
    ) -> None:
        """A generator that fails makes its peer absent, with its last words."""
        self._program(tmp_path / tool, "echo first >&2; echo 'no way' >&2; exit 3")

        with pytest.raises(generated.AbsentError, match=f"^{tool} ended with 3: no way$"):
            make.__wrapped__()

    def test_a_tool_that_hangs(
        self,
        make: functools._lru_cache_wrapper[Any],
        tool: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A generator that does not end makes its peer absent."""
        monkeypatch.setattr(generated, "_PATIENCE", 0.05)
        self._program(tmp_path / tool, "while :; do :; done")

        with pytest.raises(generated.AbsentError, match=f"^{tool} took more than 0 s$"):
            make.__wrapped__()


def test_a_generator_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAPI Generator is a Java program; without Java it says so."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(generated.AbsentError, match="needs java"):
        generated.openapi_generator.__wrapped__()


def test_decode() -> None:
    """Decoding is measured against what is installed to compare it with."""
    assert "ours, orjson" in str(decode.run(1))


def test_fan_out() -> None:
    """Many histories are read by this client and by hand; memory is told iterated and gathered."""
    costs, memory = fan_out.run(rounds=1, lists=3, pages=2)

    assert [peers.FLOOR, fan_out.OURS] == [costs.rows[0], costs.rows[-1]]
    assert [fan_out.ITERATED, fan_out.GATHERED] == memory.rows


def test_herd() -> None:
    """A herd is run against each reading of the limit; ours earns no 429."""
    ours = [line.split() for line in herd.run(120).splitlines() if "CloudFlow" in line]

    assert [[mode, "120", "0"] for mode in herd.MODES] == [row[1:4] for row in ours]


def test_imports() -> None:
    """Importing is measured in an interpreter of its own."""
    rows = imports.run(rounds=1, peers=["a_module_that_is_nowhere"]).rows

    assert imports.USED in rows
    assert "import a_module_that_is_nowhere" not in rows


def test_limiter() -> None:
    """What asking the limiter costs is measured free, in a crowd, and in a stream."""
    tables = list(limiter.run(1, waiters=(10,), arrivals=20))

    assert 3 == len(tables)
    assert {"aiolimiter alone"} == {table.rows[-1] for table in tables}


def test_memory() -> None:
    """What kept executions take is told for this client and for what reads them into objects."""
    table = memory.run(rows=200)

    assert "ours, orjson" == table.rows[0]
    assert all(100 < table.columns[0].median(row) < 10_000 for row in table.rows)


def test_prefetch() -> None:
    """A history is read page by page, ahead of the reader, and at once."""
    (table,) = prefetch.run(rounds=1, pages=(3,), latency=0.001)

    assert "3 pages from a server that takes 1 ms to answer" == table.title
    assert ["prefetch=0", "prefetch=1", "prefetch=8", "collect()"] == [
        found[0] for row in table.rows if (found := re.search(r"prefetch=\d|collect\(\)", row))
    ]


def test_webhooks() -> None:
    """Verifying is measured against what is installed to compare it with."""
    assert "ours, into a typed event" in webhooks.run(1).rows


def test_the_server_gives_pages() -> None:
    """The server answers for each pipeline and offset what the document says, and tells the end."""
    with server.static_server(rows=250) as base_url:
        url = f"{base_url}/pipelines/pipe_other/executions?limit=100&offset=200"
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server
            page = json.load(answer)

    expected = {"total": 250, "limit": 100, "offset": 200, "has_more": False}
    assert expected == page["pagination"]
    assert [(f"exec_{number:08x}", "pipe_other") for number in range(200, 250)] == [
        (row["id"], row["pipeline_id"]) for row in page["data"]
    ]


def test_runs_are_interleaved(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows are run in turns, so that a busy machine is busy for all of them."""
    ran = []

    def run(name: str) -> int:
        ran.append(name)
        return len(ran)

    results = measure.interleave({name: functools.partial(run, name) for name in "abc"}, 2)

    assert ["a", "b", "c", "a", "b", "c"] == ran
    assert {"a": [1, 4], "b": [2, 5], "c": [3, 6]} == results
    assert "" == capsys.readouterr().err


def test_the_cost_of_a_block() -> None:
    """A block costs its own CPU and time; waiting costs no CPU."""
    with measure.metered() as cost:
        asyncio.run(asyncio.sleep(0.02))

    assert 0.02 <= cost.time
    assert 0 < cost.cpu < cost.time
    assert measure.Cost(cpu=1.0, time=2.0) == measure.Cost(cpu=4.0, time=8.0).over(4)


def test_a_table() -> None:
    """A table tells quantity, unit, median, minimum, maximum, and what the ratio is of."""
    columns = measure.cost_columns(
        {
            "the floor": [measure.Cost(0.001, 0.002)] * 3,
            "ours": [measure.Cost(0.001, 0.01), measure.Cost(0.003, 1.0), measure.Cost(0.02, 30)],
        },
        what="a call",
        unit="ms",
    )
    table = measure.Table("Title", columns, notes=["absent: nobody"])

    assert [
        "Title",
        " " * 56 + "CPU a call, ms" + " " * 15 + "time a call, ms",
        " " * 40 + "  median     min     max ratio" * 2,
        "  the floor" + " " * 29 + "    1.00    1.00    1.00  1.00    2.00    2.00    2.00  1.00",
        "  ours" + " " * 34 + "    3.00    1.00   20.00  3.00  1000.0   10.00   30000   500",
        "  ratio: the row's median over that of 'the floor'",
        "  absent: nobody",
    ] == str(table).splitlines()


def test_a_table_without_ratios() -> None:
    """What is not compared has no ratio."""
    table = measure.Table("T", [measure.Column("memory", "MiB", {"a": [0.5]}, ratios=False)])

    assert "  a" + " " * 37 + "   0.500   0.500   0.500" == str(table).splitlines()[-1]


@pytest.fixture
def quick_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the measurements by figures that cost nothing."""
    columns = [measure.Column("CPU a call", "us", {"the floor": [1.0], "CloudFlow": [2.0]})]
    tables = measure.Tables(
        [measure.Table("one after another", columns), measure.Table("10 at a time", columns)]
    )
    monkeypatch.setattr(
        command,
        "BENCHMARKS",
        {
            "pages": command.Benchmark("pages", lambda _: tables, (100, 5)),
            "herd": command.Benchmark("a herd", "quick: {}".format, (10, 1)),
            "decode": command.Benchmark("one table", lambda _: tables.tables[0], (10, 1)),
        },
    )


@pytest.mark.usefixtures("quick_benchmarks")
class TestCommand:
    """``python -m benchmarks``."""

    def test_all(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Without arguments everything is measured; tables and progress go separate ways."""
        command.main([])

        out, err = capsys.readouterr()
        titles = ("one after another", "10 at a time", "quick: ")
        assert ["one after another", "10 at a time", "quick: False", "one after another"] == [
            line for line in out.splitlines() if line.startswith(titles)
        ]
        assert [
            "3 measurements, about 2 minutes",
            "pages: pages, about 2 minutes",
            "herd: a herd, about 10 s",
            "decode: one table, about 10 s",
        ] == err.splitlines()

    def test_one_of_them(self, capsys: pytest.CaptureFixture[str]) -> None:
        """`--only` leaves the others out, `--quick` reaches what is measured."""
        command.main(["--only", "herd", "--quick"])

        out, err = capsys.readouterr()
        assert "quick: True" == out.strip().splitlines()[-1]
        assert "herd: a herd, about 1 s" == err.splitlines()[-1]

    def test_versions(self, capsys: pytest.CaptureFixture[str]) -> None:
        """The first lines tell versions, and which peers are absent, in 100 columns."""
        command.main(["--only", "herd"])

        lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
        assert f"Python {sys.version_info.major}." in lines[0]
        assert "openapi-generator-cli" in lines[-1]
        assert max(map(len, lines)) <= 100

    def test_json(self, tmp_path: Path) -> None:
        """`--json` writes every round's figures, and the text of what is no table."""
        command.main(["--quick", "--json", str(tmp_path / "figures.json")])

        figures = json.loads((tmp_path / "figures.json").read_text())
        assert figures["quick"] is True
        assert "quick: True" == figures["measured"]["herd"]
        assert [
            {
                "title": "one after another",
                "columns": [
                    {
                        "title": "CPU a call",
                        "unit": "us",
                        "values": {"the floor": [1.0], "CloudFlow": [2.0]},
                    }
                ],
                "ratios_to": "the floor",
                "notes": [],
            }
        ] == figures["measured"]["decode"]

    @pytest.mark.parametrize(
        ("installed", "arguments", "said"),
        [
            (False, [], "--png needs matplotlib"),
            (True, ["--only", "herd"], "--png draws the tables of 'pages'"),
        ],
    )
    def test_png_refused(
        self,
        installed: bool,
        arguments: list[str],
        said: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """`--png` that cannot be obeyed is refused in a line, before minutes of measuring."""
        monkeypatch.setattr(command, "find_spec", lambda _: object() if installed else None)

        with pytest.raises(SystemExit):
            command.main(["--png", str(tmp_path / "figure.png"), *arguments])

        out, err = capsys.readouterr()
        assert "" == out
        assert said in err.splitlines()[-1]

    def test_png(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`--png` draws the panels that the picture is for."""
        drawn: list[Any] = []
        monkeypatch.setattr(command, "find_spec", lambda _: object())
        monkeypatch.setattr(command, "draw", lambda *args, **options: drawn.append((args, options)))

        command.main(["--only", "pages", "--png", str(tmp_path / "figure.png")])

        (((tables, path), options),) = drawn
        assert ["one after another"] == [table.title for table in tables]
        assert tmp_path / "figure.png" == path
        assert re.search(r"^20\d\d-\d\d-\d\d, Python 3\.\d+\.\d+, aiohttp \S+$", options["footer"])


def test_the_picture(tmp_path: Path) -> None:
    """The picture is a PNG."""
    pytest.importorskip("matplotlib")
    columns = [measure.Column("CPU a call", "us", {"the floor": [1.0], "CloudFlow": [2.0]})]
    tables = [measure.Table(title, columns) for title in ("one after another", "50 at a time")]

    picture.draw(tables, tmp_path / "figure.png", footer="today")

    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG\r\n")

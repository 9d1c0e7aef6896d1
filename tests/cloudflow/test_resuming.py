"""Runs that are interrupted and gone on with: every row once, whatever changed meanwhile."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.errors import (
    CheckpointError,
    DriftError,
    InvalidArgumentError,
    NotFoundError,
    ServerError,
)
from cloudflow_async._core.fan_out.checkpoint import Checkpoint
from cloudflow_async._core.fan_out.fan_out import FanOut
from cloudflow_async._core.messages import UNSET
from cloudflow_async.cloudflow.slicing import Slices
from tests.cloudflow.pipelines_server import BEGIN, NOON, PipelinesServer, Row, read, server

pytestmark = [pytest.mark.virtual_time, pytest.mark.usefixtures("quick_disk")]

SIZES = {"a": 95, "b": 0, "c": 7, "d": 130, "e": 31}


class KilledError(Exception):
    """The process dies."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the checkpoint is."""
    return tmp_path / "history.checkpoint"


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: nobody loses power here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def exists(path: Path) -> bool:
    """Return whether there is a file."""
    return path.exists()


async def write_until_killed(
    one: PipelinesServer,
    checkpoint: Checkpoint,
    rows: list[str],
    chance: random.Random,
    **asked: Any,
) -> None:
    """Write rows, cut to what the note says, and save now and then; die at a random one."""
    async with checkpoint, one.fan_out(checkpoint=checkpoint, **asked) as fan_out:
        # Those written after the last save are cut off.
        del rows[checkpoint.note if isinstance(checkpoint.note, int) else 0 :]
        dies_at = chance.randint(1, 150)
        async for row in fan_out:
            rows.append(row.id)
            if chance.random() < 0.2:
                await checkpoint.save(len(rows))
            dies_at -= 1
            if not dies_at:
                raise KilledError
        await checkpoint.finish()


def change(one: PipelinesServer, chance: random.Random, number: int) -> set[str]:
    """Insert and delete a few rows; return the ids of those deleted."""
    gone: set[str] = set()
    for name, rows in one.rows.items():
        for index in sorted(chance.sample(range(len(rows)), min(len(rows), 3)), reverse=True):
            gone.add(rows.pop(index).id)
        started_at = BEGIN + timedelta(seconds=chance.randrange(864_000))
        rows.append(Row(f"{name}-new-{number}", started_at))
        rows.sort(key=lambda row: row.started_at)
    return gone


@pytest.mark.parametrize("slices", [None, "2d", "auto"])
@pytest.mark.parametrize("reread_running", [False, True])
@pytest.mark.parametrize("seed", range(4))
async def test_an_owner_who_keeps_a_note_gets_every_row_once(
    path: Path, slices: Slices | None, reread_running: bool, seed: int
) -> None:
    """Killed at random rows, with rows inserted and deleted between the runs."""
    chance = random.Random(seed)
    one = server(SIZES, seed=seed)
    for rows_of_one in one.rows.values():
        for row in chance.sample(rows_of_one, len(rows_of_one) // 10):
            row.status = "running"
    throughout, rows = {*one.ids()}, list[str]()
    for number in itertools.count():
        checkpoint = Checkpoint(path, every=None)
        try:
            await write_until_killed(
                one, checkpoint, rows, chance, slices=slices, reread_running=reread_running
            )
        except KilledError:
            throughout -= change(one, chance, number)
        else:
            break

    assert number > 1
    assert {1} == set(Counter(rows).values())
    assert set() == throughout - {*rows}


@pytest.mark.parametrize("seed", range(4))
async def test_by_itself_it_gives_every_row_at_least_once(path: Path, seed: int) -> None:
    """Left at random rows by an error: the row in hand comes again, no other one."""
    chance = random.Random(seed)
    one = server(SIZES, seed=seed)
    rows, runs = Counter[str](), 0

    async def use(dies_at: int) -> None:
        async with one.fan_out(checkpoint=path, reread_running=True, slices="3d") as fan_out:
            async for row in fan_out:
                rows[row.id] += 1
                dies_at -= 1
                if not dies_at:
                    raise KilledError

    one.rows["a"][5].status = one.rows["d"][7].status = "running"
    while runs == 0 or exists(path):
        with contextlib.suppress(KilledError):
            await use(chance.randint(1, 100))
        runs += 1

    assert runs > 2
    assert {*one.ids()} == {*rows}
    assert len(one.ids()) + runs - 1 == rows.total()


@pytest.mark.parametrize("used", [0, 1, 2])
async def test_what_was_held_is_held_by_the_next_run_too(path: Path, used: int) -> None:
    """Left among the rows that were read again at the end: only those not used come again."""
    one = server({"a": 25})
    for row in one.rows["a"][::8]:
        row.status = "running"
    rows: list[str] = []

    async def use(fan_out: FanOut[Row]) -> None:
        async with fan_out:
            async for row in fan_out:
                if len(rows) == 21 + used:
                    raise KilledError
                rows.append(row.id)

    with pytest.raises(KilledError):
        await use(one.fan_out(reread_running=True, checkpoint=path))
    sent = len(one.asked)
    rows += await read(one.fan_out(reread_running=True, checkpoint=path))

    assert one.ids() == sorted(rows)
    assert 4 - used == len(one.asked) - sent


@pytest.mark.parametrize("slices", [None, "5d"])
async def test_when_all_that_was_read_is_gone_the_rest_is_new(
    path: Path, slices: Slices | None
) -> None:
    """A few rows were handed out, and deleted before the next run began."""
    one = server({"a": 30, "b": 4})
    async with one.fan_out(checkpoint=path, slices=slices, end_date=NOON) as fan_out:
        seen = [(await anext(aiter(fan_out))).id for _ in range(9)]
    for name in one.rows:
        one.rows[name] = [row for row in one.rows[name] if row.id not in seen]
    rows = await read(one.fan_out(checkpoint=path, slices=slices, end_date=NOON))

    assert one.ids() == sorted(rows)


async def test_when_too_much_is_gone_it_is_told(path: Path) -> None:
    """Of more rows than a bookmark remembers, none is left that tells where to go on."""
    one = server({"a": 300})
    async with one.fan_out(checkpoint=path) as fan_out:
        seen = [(await anext(aiter(fan_out))).id for _ in range(150)]
    one.rows["a"] = [row for row in one.rows["a"] if row.id not in seen[20:]]

    with pytest.raises(DriftError):
        await read(one.fan_out(checkpoint=path))


async def test_the_report_counts_the_runs_before_too(path: Path) -> None:
    """And tells how many rows are theirs."""
    one = server({"a": 25, "b": 15})
    first = one.fan_out(checkpoint=path, concurrency=1)
    async with first:
        rows = [await anext(aiter(first)) for _ in range(30)]
        # The next one is asked for, so that the thirtieth counts.
        rows.append(await anext(aiter(first)))
    second = one.fan_out(checkpoint=path, concurrency=1)
    rest = await read(second)
    report = second.report

    assert one.ids() == sorted([row.id for row in rows[:30]] + rest)
    assert (30, 40, 40, 40, 2) == (
        report.rows_before,
        report.rows,
        report.total,
        report.first_total,
        report.done,
    )
    assert report.complete
    assert not exists(path)


async def test_the_end_stays_where_it_was(path: Path) -> None:
    """What began after the first run began is not read by the second either."""
    one = server({"a": 25})
    first = one.fan_out(checkpoint=path, end_date=UNSET)
    async with first:
        await anext(aiter(first))
    one.rows["a"].append(Row("a-late", NOON + timedelta(hours=1)))
    second = one.fan_out(checkpoint=path, end_date=UNSET)
    second._source._now = (NOON + timedelta(days=1)).timestamp  # type: ignore[attr-defined]
    rows = await read(second)

    assert first.end_date == second.end_date == NOON + timedelta(seconds=1)
    assert "a-late" not in rows


@pytest.mark.parametrize(
    ("asked", "differs"),
    [
        ({"start_date": BEGIN}, "start_date"),
        ({"end_date": UNSET}, "end_date"),
        ({"slices": "1d"}, "slices"),
        ({"reread_running": True}, "reread_running"),
    ],
    ids=lambda value: value if isinstance(value, str) else "asked",
)
async def test_what_asks_for_something_else_is_refused(
    path: Path, asked: dict[str, Any], differs: str
) -> None:
    """With what it is; nothing is sent, and the run can still be gone on with."""
    one = server({"a": 25})
    first = one.fan_out(checkpoint=path, end_date=NOON)
    async with first:
        await anext(aiter(first))
    sent = len(one.asked)
    with pytest.raises(InvalidArgumentError, match=f"{differs} was"):
        await read(one.fan_out(checkpoint=path, **{"end_date": NOON, **asked}))

    assert sent == len(one.asked)
    assert 25 == len(await read(one.fan_out(checkpoint=path, end_date=NOON)))


async def test_other_ids_are_refused(path: Path) -> None:
    """One more, one less; another order is not other."""
    one = server({"a": 25, "b": 1})
    async with one.fan_out(checkpoint=path) as fan_out:
        await anext(aiter(fan_out))
    more = server({"a": 25, "b": 1, "c": 1})
    with pytest.raises(InvalidArgumentError, match=r'ids was "2, hash \w+", now it is "3'):
        await read(more.fan_out(checkpoint=path))
    turned = server({"b": 1, "a": 25})
    turned.rows["a"] = one.rows["a"]

    assert turned.ids() == sorted(await read(turned.fan_out(checkpoint=path)))


async def test_what_failed_is_tried_again(path: Path) -> None:
    """With the place where it failed; what is done is not asked for again."""
    one = server({"a": 35, "b": 15})

    def fail(asked: Any) -> None:
        if asked.id == "a" and asked.offset > 15:
            raise ServerError("broken", status=500)

    one.before = fail
    rows = await read(one.fan_out(checkpoint=path, on_error="collect"))
    one.asked.clear()
    one.before = lambda asked: None
    again = one.fan_out(checkpoint=path, on_error="collect")
    rows += await read(again)

    assert one.ids() == sorted(rows)
    assert {"a"} == {asked.id for asked in one.asked}
    assert len(one.asked) <= 2
    assert again.report.complete
    assert not exists(path)


async def test_an_iteration_that_fails_leaves_its_place(path: Path) -> None:
    """All rows before the error count: none comes again."""
    one = server({"a": 35}, errors={})

    def fail(asked: Any) -> None:
        if asked.offset > 15:
            raise NotFoundError("gone", status=404)

    one.before = fail
    rows: list[str] = []

    async def use() -> None:
        async with one.fan_out(checkpoint=path) as fan_out:
            async for row in fan_out:
                rows.append(row.id)

    with pytest.raises(NotFoundError):
        await use()
    one.before = lambda asked: None
    rows += await read(one.fan_out(checkpoint=path))

    assert one.ids() == sorted(rows)


async def test_a_checkpoint_is_given_back(path: Path) -> None:
    """One that was opened by its owner stays open; one that was not is closed."""
    one = server({"a": 5})
    closed = Checkpoint(path)
    async with one.fan_out(checkpoint=closed) as fan_out:
        assert closed is fan_out.checkpoint
        assert closed.is_open
    async with Checkpoint(path) as opened:
        async with one.fan_out(checkpoint=opened):
            pass
        assert opened.is_open

    assert not closed.is_open


async def test_one_checkpoint_serves_one_run_at_a_time(path: Path) -> None:
    """The second gets an error before it sends anything."""
    one = server({"a": 5})
    async with one.fan_out(checkpoint=path):
        with pytest.raises(CheckpointError, match="in use"):
            await read(one.fan_out(checkpoint=path))

    assert [] == one.asked


async def test_ids_from_an_iterator_can_be_resumed(path: Path) -> None:
    """As many as there are are not compared."""
    one = server({"a": 25, "b": 15})
    fan_out = one.fan_out(checkpoint=path, ids=iter(["a", "b"]))
    async with fan_out:
        await anext(aiter(fan_out))

    assert 40 == len(await read(one.fan_out(checkpoint=path, ids=iter(["a", "b"]))))


def damaged(path: Path, **changes: Any) -> None:
    """Change what the file says of the pipeline."""
    content = json.loads(path.read_text())
    content["state"] = {"a": {**content["state"]["a"], **changes}} if changes else []
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"report": None},
        {"report": {"rows": -1}},
        {"report": {"rows": "1"}},
        {"report": {"done": 1}},
        {"report": {"colour": 1}},
        {"places": []},
        {"places": {"": 7}},
        {"held": {"a-1": 7}},
    ],
    ids=str,
)
async def test_a_state_that_is_none_is_refused(path: Path, changes: dict[str, Any]) -> None:
    """Where it was damaged by hand: one error, and the lock is free again."""
    one = server({"a": 25})
    async with one.fan_out(checkpoint=path) as fan_out:
        await anext(aiter(fan_out))
    damaged(path, **changes)
    with pytest.raises(CheckpointError, match="damaged"):
        await read(one.fan_out(checkpoint=path))

    async with Checkpoint(path) as checkpoint:
        assert checkpoint.exists

"""A checkpoint's file: whole or refused, one owner at a time, never overwritten unasked."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from cloudflow_async._core.errors import CheckpointError, InvalidArgumentError, InvalidStateError
from cloudflow_async._core.fan_out.checkpoint import Checkpoint
from cloudflow_async._core.messages import Json

FILTERS: dict[str, Json] = {"status": "failed", "start_date": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the checkpoint is."""
    return tmp_path / "history.checkpoint"


@pytest.fixture
async def checkpoint(path: Path) -> AsyncIterator[Checkpoint]:
    """Return an open checkpoint, whose run stands at 7."""
    async with Checkpoint(path) as opened:
        opened.begin(FILTERS)
        opened.follow(lambda: 7)
        yield opened


async def reopened(path: Path) -> Checkpoint:
    """Return what another process would find."""
    async with Checkpoint(path) as found:
        return found


def content_of(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


def put(path: Path, content: bytes) -> None:
    """Write a file."""
    path.write_bytes(content)


def mode_of(path: Path) -> int:
    """Return who may use it."""
    return stat.S_IMODE(path.stat().st_mode)


def names(path: Path) -> list[str]:
    """Return what lies in its folder."""
    return sorted(each.name for each in path.parent.iterdir())


async def test_what_was_saved_is_found(path: Path, checkpoint: Checkpoint) -> None:
    """State, filters and note; the file is its owner's alone."""
    await checkpoint.save({"size": 1024})
    await checkpoint.close()
    found = await reopened(path)

    assert (True, 7, FILTERS, {"size": 1024}) == (
        found.exists,
        found.state,
        found.filters,
        found.note,
    )
    assert 0o600 == mode_of(path)
    assert [path.name] == names(path)


async def test_nothing_is_found_where_nothing_was_saved(path: Path, checkpoint: Checkpoint) -> None:
    """Opening it makes no file that stays."""
    assert (False, None, {}, None) == (
        checkpoint.exists,
        checkpoint.state,
        checkpoint.filters,
        checkpoint.note,
    )
    await checkpoint.close()
    assert [] == names(path)


async def test_a_save_without_a_note_keeps_the_one_before(checkpoint: Checkpoint) -> None:
    """And None is a note like any other: there is none any more."""
    await checkpoint.save([1])
    await checkpoint.save()

    assert [1] == checkpoint.note
    await checkpoint.save(None)
    assert checkpoint.note is None


async def test_a_finished_run_leaves_nothing(path: Path, checkpoint: Checkpoint) -> None:
    """Neither a file nor a lock, and finishing twice is finishing once."""
    await checkpoint.save()
    await checkpoint.finish()
    await checkpoint.finish()

    assert [] == names(path)
    assert (False, False) == (checkpoint.exists, checkpoint.is_open)
    with pytest.raises(InvalidStateError, match="during the fan-out"):
        await checkpoint.save()


async def test_it_may_be_opened_and_closed_twice(path: Path, checkpoint: Checkpoint) -> None:
    """Without effect."""
    await checkpoint.open()
    await checkpoint.close()
    await checkpoint.close()

    assert not checkpoint.is_open


async def test_who_is_cancelled_while_it_opens_has_it_not(path: Path) -> None:
    """The lock that the thread had taken by then is let go of."""
    checkpoint = Checkpoint(path)
    opening = asyncio.create_task(checkpoint.open())
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])

    assert opening.cancelled()
    assert not checkpoint.is_open
    async with Checkpoint(path):
        assert not checkpoint.is_open


async def test_another_run_in_this_process_is_kept_out(path: Path, checkpoint: Checkpoint) -> None:
    """As long as it is open."""
    with pytest.raises(CheckpointError, match="in use by another run"):
        await Checkpoint(path).open()
    await checkpoint.close()

    assert not (await reopened(path)).exists


_HOLD = """
import asyncio, sys
from cloudflow_async._core.fan_out.checkpoint import Checkpoint

async def main():
    async with Checkpoint(sys.argv[1]) as checkpoint:
        checkpoint.begin({})
        checkpoint.follow(lambda: "theirs")
        await checkpoint.save()
        print("open", flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


@pytest.mark.slow
def test_another_process_is_kept_out_until_it_dies(path: Path) -> None:
    """Also when it is killed: what it saved is found, and its leftovers are no hindrance."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert b"open\n" == process.stdout.readline()
        with pytest.raises(CheckpointError, match="in use"):
            asyncio.run(reopened(path))
        process.kill()
        process.wait()
    (path.parent / f".{path.name}.0123456789abcdef.tmp").write_text("half")

    assert "theirs" == asyncio.run(reopened(path)).state
    assert [path.name] == names(path)


async def test_another_run_is_refused_by_what_differs(path: Path, checkpoint: Checkpoint) -> None:
    """The message names it; the file is left as it is."""
    await checkpoint.save()
    await checkpoint.close()
    before = content_of(path)
    async with Checkpoint(path) as other:
        with pytest.raises(InvalidArgumentError) as refused:
            other.begin({"status": None, "start_date": None, "slices": "1d"})

    assert 'slices was null, now it is "1d"; status was "failed", now it is null' in str(
        refused.value
    )
    assert before == content_of(path)


async def test_what_differs_is_shown_short_and_escaped(path: Path, checkpoint: Checkpoint) -> None:
    """A file may hold anything, and a message is one line from left to right."""
    checkpoint.begin({"status": "a\u202e\x9b" + "x" * 4000})
    checkpoint.follow(dict)
    await checkpoint.save()
    await checkpoint.close()
    async with Checkpoint(path) as again:
        with pytest.raises(
            InvalidArgumentError, match=r"status was .a\\u202e\\x9bx+, now"
        ) as caught:
            again.begin({"status": None})

    assert len(str(caught.value)) < 500


def file_with(**changes: Any) -> bytes:
    """Return the content of a file that differs from a good one."""
    good = {
        "format": "cloudflow_async checkpoint",
        "version": 1,
        "filters": {},
        "note": None,
        "state": {},
    }
    return json.dumps({**good, **changes}).encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "damaged"),
        (file_with()[:-10], "damaged"),
        (b"[]", "no checkpoint"),
        (b'{"rows": 5}', "no checkpoint"),
        (file_with(version=2), "another version"),
        (file_with(filters=[]), "damaged"),
        (file_with().replace(b'"state"', b'"stage"'), "damaged"),
    ],
    ids=["empty", "torn", "list", "foreign", "newer", "no filters", "no state"],
)
async def test_a_file_that_cannot_be_used_is_left_alone(
    path: Path, content: bytes, problem: str
) -> None:
    """One clear error that tells the way out; afterwards another may open it."""
    put(path, content)
    with pytest.raises(CheckpointError, match=f"{problem}.*Remove it"):
        await Checkpoint(path).open()

    assert content == content_of(path)
    assert [path.name] == names(path)


async def test_a_good_file_by_hand_is_used(path: Path) -> None:
    """So that the cases beside this one are refused for what they say."""
    put(path, file_with())

    assert {} == (await reopened(path)).state


def make_link(path: Path) -> None:
    """Put a symbolic link there."""
    path.symlink_to("/dev/null")


def make_socket(path: Path) -> None:
    """Put a socket there."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [make_link, Path.mkdir, os.mkfifo, make_socket])
async def test_what_is_no_file_is_refused(path: Path, make: Callable[[Path], None]) -> None:
    """At once: it neither waits for a pipe's writer nor follows a link."""
    make(path)
    with pytest.raises(CheckpointError, match="cannot be"):
        await Checkpoint(path).open()

    assert [path.name] == names(path)


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It is not made."""
    with pytest.raises(CheckpointError, match=r"No such file or directory\.$"):
        await Checkpoint(tmp_path / "none" / "checkpoint").open()


async def test_a_full_disk_is_told_and_loses_nothing(
    path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was saved before is still there."""
    await checkpoint.save()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _no_room)
        checkpoint.follow(lambda: 8)
        with pytest.raises(CheckpointError, match="cannot be written: No space left"):
            await checkpoint.save()
    await checkpoint.close()

    assert 7 == (await reopened(path)).state


def _no_room(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_file_that_cannot_be_removed_is_told(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is not taken for finished."""
    await checkpoint.save()

    def unlink(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(CheckpointError, match="cannot be removed: Permission denied"):
            await checkpoint.finish()

    assert (True, True) == (checkpoint.exists, checkpoint.is_open)


async def test_a_note_that_is_no_json_is_refused(checkpoint: Checkpoint) -> None:
    """Before anything is written."""
    with pytest.raises(InvalidArgumentError):
        await checkpoint.save({"size": float("nan")})

    assert (None, False) == (checkpoint.note, checkpoint.exists)


async def test_it_is_saved_during_a_run_only(path: Path) -> None:
    """Otherwise nobody knows how far that is."""
    with pytest.raises(InvalidStateError, match="during the fan-out"):
        await Checkpoint(path).save()
    async with Checkpoint(path) as checkpoint:
        with pytest.raises(InvalidStateError, match="during the fan-out"):
            await checkpoint.save()


@pytest.mark.virtual_time
async def test_it_is_due_again_after_a_while(checkpoint: Checkpoint) -> None:
    """At once in the beginning, then a second after each save."""
    due = [checkpoint.is_due]
    await checkpoint.save()
    due.append(checkpoint.is_due)
    await asyncio.sleep(1.0)
    due.append(checkpoint.is_due)

    assert [True, False, True] == due


async def test_with_a_note_or_without_a_pace_only_its_owner_saves(path: Path) -> None:
    """A save that he does not know of would leave the note behind."""
    async with Checkpoint(path, every=None) as patient:
        assert (False, False) == (patient.saves_itself, patient.is_due)
    async with Checkpoint(path, every=0) as checkpoint:
        checkpoint.begin({})
        checkpoint.follow(lambda: None)
        assert (True, True) == (checkpoint.saves_itself, checkpoint.is_due)
        await checkpoint.save("mine")

        assert not checkpoint.saves_itself
    async with Checkpoint(path) as later:
        assert not later.saves_itself


@pytest.mark.parametrize("every", [-1, "1", True, float("nan")])
def test_a_pace_that_is_none_is_refused(every: Any) -> None:
    """When it is made."""
    with pytest.raises(InvalidArgumentError, match="every"):
        Checkpoint("history.checkpoint", every=every)


@pytest.mark.parametrize("given", ["", 7, "a\0b"])
def test_a_path_that_is_none_is_refused(given: Any) -> None:
    """When it is made."""
    with pytest.raises(InvalidArgumentError, match="path"):
        Checkpoint(given)


def test_it_shows_where_it_is() -> None:
    """And knows."""
    checkpoint = Checkpoint("~/history.checkpoint")

    assert Path("~/history.checkpoint").expanduser() == checkpoint.path
    assert f"Checkpoint('{checkpoint.path}')" == repr(checkpoint)

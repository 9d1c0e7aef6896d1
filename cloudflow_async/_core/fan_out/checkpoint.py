"""A file that says how far a run has come, so that another process can go on with it.

Theory.  The file is replaced in one step, and locked by another beside it, so that what is in it
is whole whenever the process dies.  What it says is a promise about rows: those that it counts
have been handed out, and do not come again.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

import attrs

from cloudflow_async._core.codec.encode import dumps, encode
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.errors import (
    CheckpointError,
    DecodeError,
    InvalidArgumentError,
    InvalidStateError,
)
from cloudflow_async._core.messages import UNSET, Json, Unset
from cloudflow_async._core.public import public
from cloudflow_async._core.support.files.atomic import remove_leftovers, replace_file
from cloudflow_async._core.support.files.locks import acquire, release
from cloudflow_async._core.support.files.paths import reason, shown, to_path
from cloudflow_async._core.support.threads import finish
from cloudflow_async._core.support.validation import check_seconds

_FORMAT: Final = "cloudflow_async checkpoint"
_VERSION: Final = 1
_LONGEST_SHOWN: Final = 100
# A named pipe is opened without waiting for somebody who writes into it.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_BINARY", 0)
)

Filters: TypeAlias = "Mapping[str, Json]"
"""What a run asks for: two with different ones are different runs."""


@attrs.frozen(kw_only=True)
class _Content:
    """What is in the file."""

    filters: Filters
    state: Json
    note: Json = None


@public("cloudflow_async")
class Checkpoint:
    """A file that says how far a run, such as a `fan_out`, has come; readable by its owner alone.

    Where the file is, a run is under way: a fan-out that is given it goes on there.  Rows count
    as done when they have been handed out and the next one, or the end, was asked for.  Only one
    process at a time has it: meanwhile another file lies beside it, with ``.lock`` appended.

    An owner who writes the rows somewhere keeps the two in step by a note: ``save(note)`` writes
    it in one step with how far the rows went that were handed out, such as the size of the
    output; after a crash, the output is cut to that size.

    Args:
        path: Of the file; ``~`` is expanded.
        every: Least seconds between two saves that a fan-out makes by itself, at the beginning of
            a page and when it is left; it removes the file when all is read.  None: only the
            owner saves and finishes, and so it is once there is a note.

    Raises:
        InvalidArgumentError: The path is none, or `every` is no number from 0 on.
    """

    def __init__(self, path: str | os.PathLike[str], *, every: float | None = 1.0) -> None:
        check_seconds("every", every, zero=True, optional=True, endless=True)
        self._path = to_path(path)
        self._lock_path = self._path.with_name(f"{self._path.name}.lock")
        self._every = every
        self._lock: int | None = None
        self._content: _Content | None = None
        self._note: Json = None
        self._filters: Filters = {}
        self._look: Callable[[], Json] | None = None
        self._saved_at = -math.inf
        self._turn = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Checkpoint({str(self._path)!r})"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def path(self) -> Path:
        """Of the file."""
        return self._path

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and not yet closed or finished."""
        return self._lock is not None

    @property
    def exists(self) -> bool:
        """Whether a run is under way in it; known once it is open."""
        return self._content is not None

    @property
    def note(self) -> Json:
        """What its owner saved with it last; None: nothing; known once it is open."""
        return self._note

    @property
    def filters(self) -> Filters:
        """What the run in it asks for; empty when there is none; known once it is open."""
        return {} if self._content is None else self._content.filters

    @property
    def state(self) -> Json:
        """How far the run came, in the words of who ran it; None when there is none."""
        return None if self._content is None else self._content.state

    @property
    def is_due(self) -> bool:
        """Whether it is time for a save that its owner did not ask for."""
        now = asyncio.get_running_loop().time()
        return self.saves_itself and now - self._saved_at >= (self._every or 0.0)

    @property
    def saves_itself(self) -> bool:
        """Whether saves are made that its owner does not ask for: not when he keeps a note."""
        return self._every is not None and self._note is None

    async def open(self) -> None:
        """Lock and read it; a fan-out does that by itself.  Idempotent.

        Cancelling it leaves it unlocked.

        Raises:
            CheckpointError: Another has it, or it cannot be read: damaged, of another program or
                of a newer version of this one.
        """
        async with self._turn:
            if self._lock is not None:
                return
            try:
                await finish(self._open)
            except asyncio.CancelledError:
                await finish(self._release)
                raise

    async def close(self) -> None:
        """Let others have it, as it was saved last; idempotent."""
        async with self._turn:
            await finish(self._release)

    async def save(self, note: Json | Unset = UNSET) -> None:
        """Write how far the rows went that were handed out, and a note, in one step.

        Cancelling it waits until it is written.

        Args:
            note: Any JSON value; without it, the one of before.

        Raises:
            InvalidStateError: It belongs to no run under way.
            InvalidArgumentError: The note is no JSON value.
            CheckpointError: It cannot be written; what was there before still is.
        """
        if self._look is None or self._lock is None:
            raise InvalidStateError("A checkpoint is saved during the fan-out it was given to.")
        if note is not UNSET:
            self._note = encode(note)
        content = _Content(filters=self._filters, state=self._look(), note=self._note)
        self._saved_at = asyncio.get_running_loop().time()
        async with self._turn:
            await finish(self._write, content)

    async def finish(self) -> None:
        """Remove the file: the run is done.  Idempotent.

        Raises:
            CheckpointError: It cannot be removed.
        """
        self._look = None
        async with self._turn:
            await finish(self._remove)

    def begin(self, filters: Filters) -> None:
        """Say what the run asks for that begins, or goes on; a fan-out does that.

        Raises:
            InvalidArgumentError: Another run is under way in it; the message names what differs.
        """
        if self._content is not None and (differ := _differ(self._content.filters, filters)):
            raise InvalidArgumentError(
                f"Checkpoint {shown(self._path)} was written with other filters: {differ}. Use the "
                "same filters or another file."
            )
        self._filters = filters

    def follow(self, look: Callable[[], Json] | None) -> None:
        """Say how to find out how far the run has come; None: it has ended."""
        self._look = look

    def _open(self) -> None:
        with _told(self._path, "read"):
            self._lock = acquire(self._lock_path)
        if self._lock is None:
            raise CheckpointError(
                f"The checkpoint {shown(self._path)} is in use by another run, perhaps in another "
                "process; give each its own."
            )
        try:
            with _told(self._path, "read"):
                self._content = _read(self._path)
                remove_leftovers(self._path)
        except BaseException:
            self._release()
            raise
        self._note = None if self._content is None else self._content.note

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            release(self._lock_path, lock)

    def _write(self, content: _Content) -> None:
        data = _dump(content)
        with _told(self._path, "written"):
            replace_file(self._path, data)
        self._content = content

    def _remove(self) -> None:
        with _told(self._path, "removed"):
            self._path.unlink(missing_ok=True)
            remove_leftovers(self._path)
        self._content = None
        self._release()


@contextlib.contextmanager
def _told(path: Path, done: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The checkpoint {shown(path)} cannot be {done}: {reason(error)}."
        raise CheckpointError(message) from error


def _differ(then: Filters, now: Filters) -> str:
    names = sorted({*then, *now})
    return "; ".join(
        f"{_escaped(name)} was {_told_as(then.get(name))}, now it is {_told_as(now.get(name))}"
        for name in names
        if then.get(name) != now.get(name)
    )


def _told_as(value: Json) -> str:
    return _escaped(dumps(value).decode())


def _escaped(text: str) -> str:
    """Return what stood in a file for a message: short, on one line and left to right."""
    return text[:_LONGEST_SHOWN].encode("unicode_escape").decode()


def _dump(content: _Content) -> bytes:
    return dumps(
        {
            "format": _FORMAT,
            "version": _VERSION,
            "filters": content.filters,
            "note": content.note,
            "state": content.state,
        }
    )


def _read(path: Path) -> _Content | None:
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _unusable(path, "it is no regular file")
        return _parse(path, file.read())


def _parse(path: Path, data: bytes) -> _Content:
    try:
        found = loads(data)
    except DecodeError:
        raise _unusable(path, "it is damaged, or no checkpoint") from None
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise _unusable(path, "it is no checkpoint")
    if found.get("version") != _VERSION:
        raise _unusable(path, "it was written by another version of this package")
    filters = found.get("filters")
    if not isinstance(filters, dict) or "state" not in found:
        raise _unusable(path, "it is damaged")
    return _Content(filters=filters, state=found["state"], note=found.get("note"))


def _unusable(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {shown(path)} cannot be used: {why}. Remove it to begin anew, or give "
        "another path."
    )

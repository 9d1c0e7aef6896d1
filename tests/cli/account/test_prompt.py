"""Questions at the terminal: one line is read, and nobody is kept waiting by it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from cloudflow_async.cli.account.prompt import ask
from cloudflow_async.cli.shared.console import CommandError


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return what to write to for the question to read it."""
    reading, writing = os.pipe()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(fileno=lambda: reading))
    yield writing
    for descriptor in (reading, writing):
        if descriptor >= 0:
            os.close(descriptor)


async def test_a_line_is_the_answer(keyboard: int, capsys: pytest.CaptureFixture[str]) -> None:
    """However it arrives, without the white space around it; the question is on standard error."""
    asked = asyncio.create_task(ask("Where did it end?"))
    for part in (b"  http://127.0.0.1", b":1/callback?code=x \n"):
        await asyncio.sleep(0)
        os.write(keyboard, part)

    assert "http://127.0.0.1:1/callback?code=x" == await asked
    assert ("", "Where did it end?\n") == capsys.readouterr()


async def test_an_empty_line_is_no_answer(keyboard: int) -> None:
    """It is told, as a mistake."""
    os.write(keyboard, b"\n")

    with pytest.raises(CommandError, match="nothing was pasted"):
        await ask("?")


async def test_where_nobody_can_be_asked_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose standard input is closed does not wait."""
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(CommandError, match="nothing was pasted"):
        await ask("?")


async def test_a_question_can_be_given_up(keyboard: int) -> None:
    """The answer that comes afterwards is dropped."""
    asked = asyncio.create_task(ask("?"))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    os.write(keyboard, b"late\n")
    await asyncio.sleep(0.01)

    assert asked.cancelled()

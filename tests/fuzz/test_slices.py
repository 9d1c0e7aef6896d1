"""An answer is the same in however many pieces it comes (h11's invariant)."""

from __future__ import annotations

import contextlib

import pytest

from .wires import Stage, bytewise

DELETE = 3
"""The number of the call whose answer is the shortest."""

_FORMS = {"length": 0, "chunked": 1, "compressed": 2, "until the end": 3, "after 100": 4}


@pytest.mark.slow
@pytest.mark.virtual_time
@pytest.mark.parametrize("form", _FORMS)
async def test_an_answer_may_be_cut_anywhere(form: str) -> None:
    """In one piece, in two at each offset, and byte by byte."""
    async with contextlib.AsyncExitStack() as stack:
        stage = await Stage().open(stack)
        data = stage.known[DELETE][_FORMS[form]]
        whole = await stage.ask(DELETE, [data], "closes")
        halves = [
            await stage.ask(DELETE, [data[:at], data[at:]], "closes") for at in range(1, len(data))
        ]

        assert {whole} == {*halves, await stage.ask(DELETE, bytewise(data), "closes")}

"""Answers that are about something else, and lists that contradict themselves (m)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import attrs

from tests.raw_server import Sent

from .checks import nothing_kept, nothing_left, shows_no_secret
from .fault import NA, Cell, Fault, Play, row
from .operations import PAGE_SIZE, ROWS, Trial, document, list_page, trial
from .operations import row as workflow
from .server import Answer, Way, saying
from .trying import check_error, ended

_ALL = [f"wf_{number}" for number in range(ROWS)]
_SPARE = 2
"""Requests that finding the way again may cost."""


def _changed(change: Callable[[dict[str, Any]], None]) -> Way:
    """Return the way to answer with the JSON changed."""

    def spoil(good: Answer) -> bytes:
        value = json.loads(good.body)
        change(value)
        return bytes(attrs.evolve(good, body=json.dumps(value).encode()))

    return saying(spoil, keeps=True)


def _about(**fields: object) -> Way:
    return _changed(lambda page: page["pagination"].update(fields))


def _empty(page: dict[str, Any]) -> None:
    page["data"] = []
    page["pagination"]["has_more"] = True


def _first_again(page: dict[str, Any]) -> None:
    page["data"] = list_page(0, PAGE_SIZE)["data"]
    page["pagination"]["has_more"] = True


def _without_has_more(page: dict[str, Any]) -> None:
    del page["pagination"]["has_more"]


def _rename(value: dict[str, Any]) -> None:
    value["id"] = "wf_other"


def _only_pages(outcome: str) -> dict[str, str]:
    return row(NA, NA, NA, outcome)


def _reading(
    change: Callable[[int, dict[str, Any]], None],
    *,
    expected: list[str] = _ALL,
    new_rows: int = PAGE_SIZE,
) -> Play:
    """Return how a whole list is read whose pages are changed, by their number.

    A page brings `new_rows`, or more.
    """

    async def play(cell: Cell) -> str:
        async with nothing_kept(), trial("PAGE") as it:
            it.server.api = _Changing(change)
            async with nothing_left(it.client):
                rows = it.client.workflows.list(page_size=PAGE_SIZE)
                seen = [each.id async for each in rows]

            assert expected == [each for each in seen if each in expected]
            assert len(set(seen)) == len(seen)
            assert it.server.sends <= -(-ROWS // new_rows) + _SPARE
        return "ok"

    return play


@attrs.define
class _Changing:
    """A list whose pages are changed on their way."""

    change: Callable[[int, dict[str, Any]], None]
    pages: int = 0

    def __call__(self, sent: Sent) -> Answer:
        query = parse_qs(urlsplit(sent.target).query)
        page = list_page(int(query["offset"][0]), int(query["limit"][0]))
        self.pages += 1
        self.change(self.pages, page)
        return Answer(body=json.dumps(page).encode())


@attrs.define
class _Moving:
    """A list in which rows come and go while it is read: one before the reader, one behind."""

    rows: list[dict[str, Any]] = attrs.field(factory=lambda: [workflow(n) for n in range(ROWS)])
    pages: int = 0

    def __call__(self, sent: Sent) -> Answer:
        query = parse_qs(urlsplit(sent.target).query)
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        self.pages += 1
        if self.pages == 2:
            self.rows.insert(0, workflow(100))
        if self.pages == 3:
            del self.rows[1]
        data = self.rows[offset : offset + limit]
        more = offset + len(data) < len(self.rows)
        about = {"total": len(self.rows), "limit": limit, "offset": offset, "has_more": more}
        return Answer(body=json.dumps({"data": data, "pagination": about}).encode())


async def _read_moving(cell: Cell) -> str:
    async with nothing_kept(), trial("PAGE") as it:
        it.server.api = _Moving()
        rows = it.client.workflows.list(page_size=PAGE_SIZE, prefetch=0)
        seen = [each.id async for each in rows]

        # The one that was deleted had been delivered; the one that came may be.
        assert _ALL == [each for each in seen if each != "wf_100"]
        assert rows.report.complete
    return "ok"


async def _mistake(cell: Cell) -> str:
    """A change stands for POST here: the id of what is created is the server's choice."""
    async with nothing_kept(), trial(cell.operation) as it:
        it.server.always(_changed(_rename))
        calls = {"GET": it.call, "POST": _update(it), "PAGE": _executions(it)}
        async with nothing_left(it.client):
            ending = await ended(it, calls[cell.operation]())
        error = ending.error
        assert error is not None
        shows_no_secret(error)
        assert 1 == ending.sends == error.attempts
        it.server.heal()
        await it.client.workflows.get("wf_8x7k2m9p")
    return f"{'U' if error.may_have_been_applied else 'E'} {ending.name}"


def _update(it: Trial) -> Callable[[], Awaitable[object]]:
    return lambda: it.client.workflows.update("wf_8x7k2m9p", status="paused")


def _executions(it: Trial) -> Callable[[], Awaitable[object]]:
    def change(page: dict[str, Any]) -> None:
        page["data"] = json.loads(document("list_executions.200.json"))["data"]

    async def read() -> None:
        it.server.always(_changed(change))
        await it.client.pipelines.executions("pipe_other", page_size=1).collect()

    return read


async def _repeat(cell: Cell) -> str:
    return await _fail(_changed(_first_again))


async def _fail(way: Way) -> str:
    """After a few looks a page is an error, with the place to go on from."""
    async with nothing_kept(), trial("PAGE") as it:
        await it.prepare()
        it.server.always(way)
        async with nothing_left(it.client):
            ending = await ended(it, it.call())
        check_error(it, ending)
        assert ending.sends <= 1 + _SPARE
        it.server.heal()
        await it.again()
    return f"E {ending.name}"


async def _misplace(cell: Cell) -> str:
    """The first page of a list, which is all that awaiting it gives, is from elsewhere."""
    async with nothing_kept(), trial(cell.operation) as it:
        it.server.always(_about(offset=99))
        async with nothing_left(it.client):
            ending = await ended(it, _first_page(it))
        error = ending.error
        assert error is not None
        shows_no_secret(error)
        assert (1, 1, 0) == (ending.sends, error.attempts, error.resume_at)
        it.server.heal()
        await _first_page(it)
    return f"{'U' if error.may_have_been_applied else 'E'} {ending.name}"


async def _first_page(it: Trial) -> None:
    page = await it.client.workflows.list(page_size=PAGE_SIZE)

    assert _ALL[:PAGE_SIZE] == [each.id for each in page]


async def _misjudge(cell: Cell) -> str:
    shrinking = await _reading(_shrink)(cell)
    return f"{shrinking}, {await _fail(_about(total=-1))}"


def _shrink(number: int, page: dict[str, Any]) -> None:
    page["pagination"]["total"] -= number


def _forget_has_more(number: int, page: dict[str, Any]) -> None:
    _without_has_more(page)


def _clamp(number: int, page: dict[str, Any]) -> None:
    page["data"] = page["data"][:2]
    offset, total = page["pagination"]["offset"], page["pagination"]["total"]
    page["pagination"].update(limit=2, has_more=offset + len(page["data"]) < total)


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        id="m1",
        words="the answer is about another resource",
        play=_mistake,
        cells=row(
            "E ResponseMismatchError",
            "U ResponseMismatchError",
            NA,
            "E ResponseMismatchError",
        ),
    ),
    Fault(
        id="m2",
        words="a page from another offset",
        ways=(_about(offset=99),),
        plays={"GET": _misplace},
        cells=row(
            "E PaginationError",
            f"{NA}: nothing that is created or changed has an offset",
            NA,
            "E PaginationError",
        ),
    ),
    Fault(
        id="m3",
        words="an empty page, and more to follow",
        ways=(_changed(_empty),),
        cells=_only_pages("E PaginationError"),
    ),
    Fault(
        id="m4",
        words="the same rows again",
        play=_repeat,
        cells=_only_pages("E PaginationError"),
    ),
    Fault(
        id="m5",
        words="a total that shrinks, and a negative one",
        play=_misjudge,
        cells=_only_pages("ok, E PaginationError"),
    ),
    Fault(
        id="m6",
        words="no word of whether more follow",
        play=_reading(_forget_has_more),
        cells=_only_pages("ok"),
    ),
    Fault(
        id="m7",
        words="fewer rows than were asked for",
        play=_reading(_clamp, new_rows=1),  # the other one joins it to the page before
        cells=_only_pages("ok"),
    ),
    Fault(
        id="m8",
        words="rows come and go while the list is read",
        play=_read_moving,
        cells=_only_pages("ok"),
    ),
)

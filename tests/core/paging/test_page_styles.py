"""Page styles: from the JSON of one page to a `Page`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.page_styles import offset_envelope, whole_list


@attrs.frozen(kw_only=True, weakref_slot=False)
class Row:
    """A row."""

    id: str
    extra: Mapping[str, Json] = unknown_fields()


def rows(*ids: str) -> list[dict[str, str]]:
    """Return the JSON of rows."""
    return [{"id": each} for each in ids]


def read(pagination: object, *ids: str, offset: int = 0, limit: int = 2) -> Page[Row]:
    """Read a page with these rows."""
    value: Any = {"data": rows(*ids), "pagination": pagination}
    return offset_envelope(Row, value, offset, limit)


def test_the_documented_envelope() -> None:
    """Rows become objects; the figures are the server's."""
    page = read({"total": 347, "limit": 50, "offset": 100, "has_more": True}, "a", "b", offset=100)

    assert (Row(id="a"), Row(id="b")) == page.items
    assert (100, 50, 347, True, 2) == (
        page.offset,
        page.limit,
        page.total,
        page.has_more,
        page.received,
    )


@pytest.mark.parametrize(
    ("pagination", "ids", "more"),
    [
        ({"total": 3}, "ab", True),
        ({"total": 2}, "ab", False),
        ({}, "ab", True),
        ({}, "a", False),
        (None, "", False),
        ([], "ab", True),
        ({"has_more": "yes", "total": 2}, "ab", False),
    ],
)
def test_a_missing_has_more_follows_from_the_rest(
    pagination: object, ids: str, *, more: bool
) -> None:
    """From the total, or from whether the page is full; offset and limit are what was asked."""
    page = read(pagination, *ids)

    assert more == page.has_more
    assert (0, 2) == (page.offset, page.limit)


@pytest.mark.parametrize("value", [None, [], "data", {}, {"data": None}, {"data": {}}])
def test_an_answer_without_rows_is_refused(value: Any) -> None:
    """The error names the missing field."""
    with pytest.raises(DecodeError) as caught:
        offset_envelope(Row, value, 0, 2)

    assert "data" == caught.value.path


@pytest.mark.parametrize("name", ["total", "limit", "offset"])
@pytest.mark.parametrize("value", ["3", 3.5, True, [], 2**64, -(2**64)])
def test_a_figure_that_is_no_number_is_refused(name: str, value: object) -> None:
    """A figure that is not a whole number, or is beyond 64 bits, is refused by its name."""
    with pytest.raises(DecodeError) as caught:
        read({name: value}, "a")

    assert f"pagination.{name}" == caught.value.path


def test_a_bad_row_is_named() -> None:
    """The error says which row is wrong."""
    with pytest.raises(DecodeError) as caught:
        offset_envelope(Row, {"data": [{"id": "a"}, {}]}, 0, 2)

    assert "data[1].id" == caught.value.path


@pytest.mark.parametrize("value", [{"rows": rows("a", "b", "c")}, rows("a", "b", "c")])
def test_a_list_that_comes_whole(value: Any) -> None:
    """In an envelope or alone: all rows are one page, however few were asked for."""
    page = whole_list("rows")(Row, value, 0, 2)

    assert (Row(id="a"), Row(id="b"), Row(id="c")) == page.items
    assert (0, 3, False, 3) == (page.offset, page.total, page.has_more, page.received)


@pytest.mark.parametrize(("offset", "ids"), [(1, "bc"), (3, ""), (5, "")])
def test_the_rest_of_a_list_that_comes_whole(offset: int, ids: str) -> None:
    """What precedes the offset is dropped, and the total stays that of the list."""
    page = whole_list("rows")(Row, {"rows": rows(*"abc")}, offset, 100)

    assert [*ids] == [row.id for row in page]
    assert (offset, 3, False) == (page.offset, page.total, page.has_more)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (None, "rows"),
        ({}, "rows"),
        ({"rows": {}}, "rows"),
        ("rows", "rows"),
        ([{"id": "a"}, {}], "rows[1].id"),
    ],
)
def test_a_list_that_does_not_come_whole(value: Any, path: str) -> None:
    """The error names what is missing."""
    with pytest.raises(DecodeError) as caught:
        whole_list("rows")(Row, value, 0, 2)

    assert path == caught.value.path

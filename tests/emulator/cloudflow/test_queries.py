"""Query parameters: defaults, bounds and the 400 that names the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.cloudflow import queries
from cloudflow_async.emulator.cloudflow.queries import PageWanted

NOON = 1_769_256_000


def refusal(read: Callable[..., object], *arguments: Any) -> tuple[str, str | None]:
    """Return code and field of the 400 that a reader raises."""
    with pytest.raises(Problem) as refused:
        read(*arguments)

    assert refused.value.status == 400
    return refused.value.error["code"], refused.value.error.get("field")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, PageWanted(20, 0)),
        ({"limit": "1", "offset": "0"}, PageWanted(1, 0)),
        ({"limit": "100", "offset": "99999999"}, PageWanted(100, 99_999_999)),
        ({"limit": "+7", "unknown": "x"}, PageWanted(7, 0)),
    ],
)
def test_a_page_has_documented_defaults(query: dict[str, str], wanted: PageWanted) -> None:
    """20 rows from the beginning, unless asked otherwise."""
    assert wanted == queries.read_page(query)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "", "ten", "1.0", "1e1", "0x1", "1_0", "٣"])
def test_a_limit_out_of_bounds_has_the_documented_message(limit: str) -> None:
    """Numbers out of range and texts that are no number alike."""
    with pytest.raises(Problem, match="The 'limit' parameter must be between 1 and 100") as refused:
        queries.read_page({"limit": limit})

    assert refused.value.error["field"] == "limit"


@pytest.mark.parametrize(
    "offset",
    [
        "-1",
        "",
        "x",
        "1e3",
        "1_000",
        "٣",
        "1" * 30,
        str(2**63),
        "1" * 5000,
        "19666075975390463000576",
    ],
)
def test_a_wrong_offset_is_named(offset: str) -> None:
    """Negative numbers, texts, and numbers beyond any list; the message says what is due."""
    assert refusal(queries.read_page, {"offset": offset}) == ("invalid_parameter", "offset")
    bounds = "The 'offset' parameter must be a whole number between 0 and 9223372036854775807"
    with pytest.raises(Problem, match=f"^{bounds}$"):
        queries.read_page({"offset": offset})


def test_a_choice_is_one_of_the_documented_values_or_absent() -> None:
    """Other values, also empty ones, are refused with the field."""
    choices = ("active", "paused")
    wrong = refusal(queries.read_choice, {"status": ""}, "status", choices)

    assert queries.read_choice({}, "status", choices) is None
    assert queries.read_choice({"status": "paused"}, "status", choices) == "paused"
    assert wrong == ("invalid_parameter", "status")


def test_a_required_choice_must_be_there() -> None:
    """`period` has no default."""
    choices = ("1h", "24h")
    absent = refusal(queries.read_required_choice, {}, "period", choices)

    assert queries.read_required_choice({"period": "1h"}, "period", choices) == "1h"
    assert absent == ("invalid_parameter", "period")


def test_choices_are_a_comma_separated_list_or_all() -> None:
    """They come back in the document's order, each once."""
    choices = ("a", "b", "c")

    assert queries.read_choices({}, "metrics", choices) == choices
    assert queries.read_choices({"metrics": "c,a,c"}, "metrics", choices) == ("a", "c")


@pytest.mark.parametrize("metrics", ["", "d", "a,", "a, b", "a;b"])
def test_an_unknown_choice_in_a_list_is_refused(metrics: str) -> None:
    """An empty one is unknown as well."""
    read = refusal(queries.read_choices, {"metrics": metrics}, "metrics", ("a", "b"))

    assert read == ("invalid_parameter", "metrics")


def test_an_instant_is_iso_8601_or_absent() -> None:
    """A date without a zone is refused with the field."""
    good = {"created_after": "2026-01-24T12:00:00Z"}
    naive = refusal(queries.read_instant, {"created_after": "2026-01-24T12:00:00"}, "created_after")

    assert queries.read_instant({}, "created_after") is None
    assert queries.read_instant(good, "created_after") == NOON
    assert naive == ("invalid_parameter", "created_after")


def test_a_span_is_open_where_nothing_is_given() -> None:
    """Either end can be left out; equal ends are a span of one instant."""
    noon = "2026-01-24T12:00:00Z"

    assert queries.read_span({}) == queries.ALWAYS
    assert queries.read_span({"start_date": noon}) == (NOON, queries.ALWAYS[1])
    assert queries.read_span({"end_date": noon}) == (queries.ALWAYS[0], NOON)
    assert queries.read_span({"start_date": noon, "end_date": noon}) == (NOON, NOON)


def test_a_span_that_ends_before_it_starts_is_refused() -> None:
    """The field named is the start."""
    query = {"start_date": "2026-01-24T12:00:01Z", "end_date": "2026-01-24T12:00:00Z"}

    assert refusal(queries.read_span, query) == ("invalid_parameter", "start_date")

"""Strict JSON in, by both parsers."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudflow_async._core.codec import json as strict_json
from cloudflow_async._core.codec.decode import decode, dumps
from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.http.response import read
from cloudflow_async._core.messages import Json, Request
from cloudflow_async._core.webhooks import Delivery, parse_event
from tests.core.auth.exposure import exposed_by
from tests.doubles import reply

BACKENDS = {"orjson": orjson.loads, "json": None}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with orjson and as if it were not installed."""
    monkeypatch.setattr(strict_json, "_quick", BACKENDS[request.param])


both = pytest.mark.usefixtures("backend")


def refusal(body: bytes) -> DecodeError:
    """Return the error that a body is refused with."""
    with pytest.raises(DecodeError) as caught:
        strict_json.loads(body)
    return caught.value


@both
@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"null", None),
        (b' {"a": [1, 2.5, true, "\xc3\xa9"]}\n', {"a": [1, 2.5, True, "é"]}),
        (b"-9223372036854775808", -(2**63)),
        (b"18446744073709551615", 2**64 - 1),
        (b"-0", 0),
        (b"-0.0", -0.0),
        (b"3.0", 3.0),
        (b"1E5", 100_000.0),
        (b"18446744073709551616.0", 2.0**64),
        (b"18446744073709551616e0", 2.0**64),
        (b'"\\u0000"', "\0"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b'"\\ud800"', "\ud800"),
        (b"1e-99999", 0.0),
        (b"[" * 500 + b"]" * 500, None),
    ],
)
def test_valid_json_is_read(body: bytes, value: Any) -> None:
    """JSON is read; of duplicate keys the last wins and a lone surrogate is kept."""
    read = strict_json.loads(body)

    if body.startswith(b"[["):
        assert isinstance(read, list)
    else:
        assert (type(value), value) == (type(read), read)


WIDE = [2**64, -(2**63) - 1, 10**20, -(10**19), 2**70, int("1" * 300), 10**308]


@both
@pytest.mark.parametrize("number", WIDE)
@pytest.mark.parametrize("before", range(5))
def test_integers_beyond_64_bits_are_exact(number: int, before: int) -> None:
    """A whole number is the int that was written, whichever parser reads it and wherever it is."""
    body = b'{%s"a": [1, %d], "b": {"c":%d}}' % (b" " * before, number, number)
    value = strict_json.loads(body)

    assert {"a": [1, number], "b": {"c": number}} == value
    assert (int, number) == (
        type(strict_json.loads(b"%d" % number)),
        strict_json.loads(b"%d" % number),
    )


@attrs.frozen(kw_only=True, weakref_slot=False)
class Row:
    """A model with a whole number, a number and unknown fields."""

    count: int
    share: float
    extra: Mapping[str, Json] = unknown_fields()


@both
def test_wide_integers_are_exact_wherever_json_is_read() -> None:
    """Models, their `extra`, raw answers and webhooks have the int that was written."""
    wide = 2**64
    row = {"count": wide, "share": 0.5, "more": {"of": [wide, -wide]}}
    came = reply(200, row)
    answer = read(Request(method="GET", path="/rows", target="/rows"), came, 1)
    event = parse_event(
        Delivery(id="1", sent_at=0, body=b'{"event": "x", "data": %b}' % came.body), {}
    )

    assert row == answer.json() == event.data
    assert Row(count=wide, share=0.5, extra={"more": row["more"]}) == decode(Row, answer.json())
    assert json.dumps(row, separators=(",", ":")).encode() == dumps(decode(Row, answer.json()))


def test_only_what_may_hold_a_wide_integer_is_read_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without 20 digits in a row goes to orjson."""
    bodies = [b"[18446744073709551616]", b"[-9223372036854775809]"]
    quick = [
        b"[1234567890123456789, -123456789012345678]",
        b'{"at": "2026-01-20T00:00:00.123456Z", "n": [123,456,789,123,456,789]}',
        b'{"id": "0123456789abcdef-0123456789-abc"}',
    ]
    read: list[bytes] = []
    monkeypatch.setattr(strict_json, "_quick", read.append)
    for body in bodies + quick:
        strict_json.loads(body)

    assert quick == read


@both
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "it is empty"),
        (b" ", "Expecting value: line 1 column 2"),
        (b'{"a": 1', "Expecting ',' delimiter: line 1 column 8"),
        (b'{"a": 1}\n{}', "Extra data: line 2 column 1"),
        (b'"\xff"', "bad UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "bad UTF-8 at byte 1"),
        (b'"a\x00b"', "Invalid control character at: line 1 column 3"),
        (b"<html><body>\x1b[31m" + b"x" * 99, "it begins with '<html><body>\\x1b[31mxxxxxxxx"),
        (b"\r\n <html>", "it begins with '<html>'"),
        (b"<" + "\xe9".encode() * 40, "\\xe9\\ufffd'"),
    ],
)
def test_damage_is_retryable(body: bytes, message: str) -> None:
    """What damage on the way can cause is refused as retryable, with its place."""
    error = refusal(body)

    assert message in str(error)
    assert (True, None) == (error.retryable, error.path)


@both
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[NaN]", "NaN is no JSON number"),
        (b"-Infinity", "-Infinity is no JSON number"),
        (b"1e99999", "the number 1e99999 is beyond a double"),
        (b"1" * 400, f"the number {'1' * 40} is beyond a double"),
        (b"9" * 5000, f"the number {'9' * 40} is beyond a double"),
        (b"[" * 100_000 + b"]" * 100_000, "nested"),
        (b'{"a":' * 1025 + b"1" + b"}" * 1025, "nested"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ("{}".encode("utf-16"), "UTF-16"),
        ("{}".encode("utf-16-le"), "UTF-16"),
        ("\ufeff{}".encode("utf-16-be"), "UTF-16"),
        ("{}".encode("utf-32-be"), "UTF-32"),
    ],
)
def test_what_the_server_meant_is_not_retryable(body: bytes, message: str) -> None:
    """What no damage explains is refused as not retryable."""
    error = refusal(body)

    assert message in str(error)
    assert (False, None) == (error.retryable, error.path)


@both
@pytest.mark.parametrize("body", [b'["canary', b'{"a": canary}', b"-canary", b" ", b"Infinite"])
def test_what_begins_as_json_is_not_quoted(body: bytes) -> None:
    """It may hold what is nobody's business; the place of the fault is enough."""
    assert re.fullmatch(r"the answer is not JSON: [A-Z].*\(?line 1 column \d+", str(refusal(body)))


@both
@pytest.mark.usefixtures("deep_stack")
def test_1024_levels_are_the_most() -> None:
    """Neither parser takes one more, however many the interpreter could."""
    assert "nested" in str(refusal(b"[" * 1025 + b"]" * 1025))


@pytest.fixture
def deep_stack() -> Iterator[None]:
    """Let the standard library's parser go deeper than this one does."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(limit)


@both
def test_many_containers_are_not_deep() -> None:
    """More containers than levels allowed are fine side by side."""
    body = b"[" + b",".join([b"{}"] * 2000) + b"]"

    assert [{}] * 2000 == strict_json.loads(body)


def test_depth_is_that_of_the_deepest_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deepest container counts, wherever it stands."""
    monkeypatch.setattr(strict_json, "_quick", None)
    monkeypatch.setattr(strict_json, "_MAX_DEPTH", 3)

    assert [1, {"a": []}, [[]]] == strict_json.loads(b'[1, {"a": []}, [[]]]')
    assert "nested deeper than 3 levels" in str(refusal(b'[1, {"a": [{}]}]'))


def test_orjson_is_not_needed() -> None:
    """Without orjson the standard library reads."""
    program = (
        "import sys; sys.modules['orjson'] = None\n"
        "from cloudflow_async._core.codec import json\n"
        "print(json._quick, json.loads(b'[1]'))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert b"None [1]" == run.stdout.strip()


@both
@pytest.mark.parametrize("body", [b'{"secret": "canary"', b"[NaN, 'canary']", b"<canary>" * 50])
def test_the_error_does_not_hold_the_body(body: bytes) -> None:
    """No other exception hangs on the refusal: the parsers' own ones hold the whole body."""
    error = refusal(body)

    assert (None, None) == (error.__cause__, error.__context__)
    assert len(str(error)) < 150


@both
def test_the_traceback_does_not_hold_the_body() -> None:
    """Who records local variables does not record the answer."""
    assert "canary" not in exposed_by(refusal(b'{"secret": "canary"'))


def outcome(body: bytes) -> str:
    """Return the value, types and all, or the message and kind of the refusal."""
    try:
        return repr(strict_json.loads(body))
    except DecodeError as error:
        return f"{error.retryable} {error}"


ALPHABET = st.sampled_from('{}[],:"0123456789eE+-.\\ \n\t/udabcNaIfitynrsl\x00\x7f\xff')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(ALPHABET),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(ALPHABET), inner),
    max_leaves=5,
)
DIGITS = st.text("0123456789", min_size=1, max_size=22)
NUMBERS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "-", "+"]),
    DIGITS
    | DIGITS.map(lambda digits: str(int(digits)))
    | st.integers(300, 320).map(lambda count: f"{17976931348623158:0<{count}}")
    | st.sampled_from([str(2**53 + 1), str(2**63), str(2**63 + 1), str(2**64 - 1), str(2**64)]),
    st.just("") | DIGITS.map(lambda digits: f".{digits}"),
    st.just("") | st.from_regex(r"[eE][+-]?[0-9]{1,4}", fullmatch=True),
)
BLANKS = st.text(" \t\n\r", max_size=2) | st.sampled_from(["\f", "\xa0", "\ufeff"])
STRINGS = st.text(ALPHABET).map(json.dumps) | st.from_regex(r'"(\\u[dD][89a-fA-F]..|x|\\.)*"')


def joined(begin: str, end: str) -> Callable[[list[str], str], str]:
    """Return what makes an array or an object of its items, with a blank at each place."""
    return lambda items, blank: f"{begin}{blank}{f'{blank},{blank}'.join(items)}{blank}{end}"


def documents() -> st.SearchStrategy[str]:
    """Return random documents: numbers of all forms, few keys, blanks and any nesting."""
    return st.recursive(
        NUMBERS | STRINGS | st.sampled_from(["null", "true", "false", "NaN", "-Infinity"]),
        lambda inner: (
            st.builds(joined("[", "]"), st.lists(inner), BLANKS)
            | st.builds(
                joined("{", "}"),
                st.lists(st.builds('"{}":{}'.format, st.sampled_from("abc"), inner)),
                BLANKS,
            )
        ),
        max_leaves=8,
    )


def nested(document: str, depth: int, mark: str) -> str:
    """Return a document that deep in arrays, behind a mark."""
    return mark + "[" * depth + document + "]" * depth


# From about 900 levels to 1024 the standard library may refuse what orjson reads.
DOCUMENTS = st.builds(
    nested,
    documents(),
    st.sampled_from([0, 0, 0, 1, 2, 500, 1025, 5000]),
    st.sampled_from(["", "", "", "", " ", "\ufeff"]),
).map(lambda text: text.encode("utf-8", "surrogatepass"))
BODIES = (
    DOCUMENTS
    | st.binary()
    | st.text(ALPHABET).map(str.encode)
    | VALUES.map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=1000)
@given(BODIES)
def test_both_parsers_agree(body: bytes) -> None:
    """Both parsers give the same value or the same refusal, and nothing but a DecodeError."""
    outcomes = set()
    for quick in BACKENDS.values():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(strict_json, "_quick", quick)
            outcomes.add(outcome(body))

    assert 1 == len(outcomes)


@given(st.integers() | st.integers(-(10**320), 10**320), st.integers(0, 3))
def test_a_whole_number_is_never_rounded(number: int, before: int) -> None:
    """A number without fraction and exponent is exactly the int written, up to a double's most."""
    expected = repr([number]) if abs(number) <= sys.float_info.max else "is beyond a double"

    assert expected in outcome(b" " * before + b"[%d]" % number)


@both
def test_infinity_is_never_a_value() -> None:
    """No spelling of a number gives an infinite float."""
    assert math.isfinite(strict_json.loads(b"1.7976931348623157e308"))  # type: ignore[arg-type]
    assert "beyond a double" in str(refusal(b"1.7976931348623159e308"))

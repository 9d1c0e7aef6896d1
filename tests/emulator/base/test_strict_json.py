"""Reading JSON bodies."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async.emulator.base.strict_json import MAX_DEPTH, read_json


def nested(depth: int) -> bytes:
    """Return arrays and objects in turn, so deep."""
    return (
        b'[{"a":' * (depth // 2)
        + b"[]" * (depth % 2 or 0)
        + b"1" * (depth % 2 == 0)
        + (b"}]" * (depth // 2))
    )


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, 2.5, "\\u00e9", null, true]}', {"a": [1, 2.5, "é", None, True]}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"0", 0),
        (b'"\\ud800"', "\ud800"),
        (nested(MAX_DEPTH), ...),
    ],
)
def test_json_is_read(body: bytes, value: Any) -> None:
    """Any JSON value will do; the last of two equal names wins."""
    read = read_json(body)

    assert value is ... or value == read


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e99999",
        b"[-1e99999]",
        b"9" * 5000,
        b"\xff",
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        nested(MAX_DEPTH + 1),
        b"[" * 500_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
def test_what_is_json_by_courtesy_only_is_refused(body: bytes) -> None:
    """Wrong encodings, NaN, endless numbers and deep nesting are one kind of error."""
    with pytest.raises(ValueError, match=r".+"):
        read_json(body)

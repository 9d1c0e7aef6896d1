"""The values that travel."""

from __future__ import annotations

import attrs
import pytest

from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.http.response import Response
from cloudflow_async._core.messages import UNSET, Json, Reply, Request


def test_unset_is_false_and_shows_its_name() -> None:
    """It reads well in a signature, and `if value:` treats it as absent."""
    assert not UNSET
    assert "UNSET" == repr(UNSET)


def test_a_response_gives_the_json_that_was_read() -> None:
    """What was parsed while the answer was judged is not parsed again, null included."""
    response = Response(status=200, headers={}, body=b"never read", parsed=None)

    assert response.json() is None


def test_a_response_reads_its_body_when_it_is_asked() -> None:
    """An answer from which no JSON was due is parsed on demand."""
    response = Response(status=200, headers={}, body=b'{"a": 1}')
    expected: Json = {"a": 1}

    assert expected == response.json()


def test_a_response_without_a_body_has_no_json() -> None:
    """Asking it for JSON is a `DecodeError`, as with any other body that is none."""
    response = Response(status=204, headers={}, body=b"")

    with pytest.raises(DecodeError, match="is not JSON"):
        response.json()


@pytest.mark.parametrize(
    "value",
    [
        Request(method="POST", path="/p", target="/p", body=b"canary"),
        Reply(status=200, headers={"Set-Cookie": "canary"}, body=b"canary", elapsed=0.1),
        Response(status=200, headers={"Set-Cookie": "canary"}, body=b"canary", parsed="canary"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_bodies_and_headers_are_not_shown(value: object) -> None:
    """A repr in a log holds no personal data and no credential, however long the body is."""
    assert "canary" not in repr(value)


def test_values_do_not_change() -> None:
    """A request can be sent again as it was."""
    request = Request(method="GET", path="/p", target="/p")

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.method = "POST"  # type: ignore[misc]

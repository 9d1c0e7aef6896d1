"""What a credential may do, where that is known."""

from __future__ import annotations

import attrs
import pytest

from cloudflow_async._core.auth import AnonymousAuth, check_scope, known_scopes
from cloudflow_async._core.errors import MissingScopeError
from cloudflow_async._core.messages import Request


@attrs.define
class _Scoped(AnonymousAuth):
    scopes: object


def _request(scope: str | None) -> Request:
    return Request(method="GET", path="/workflows", target="/workflows", scope=scope)


@pytest.mark.parametrize(
    ("scopes", "needed"),
    [
        (["workflows:read"], "workflows:read"),
        (frozenset({"admin:full"}), "workflows:write"),
        (None, "workflows:read"),
        ([], None),
        (["custom:thing"], None),
    ],
)
def test_what_may_succeed_is_sent(scopes: object, needed: str | None) -> None:
    """A scope that it has, any for an administrator, and whatever is not known."""
    check_scope(_Scoped(scopes), _request(needed))


@pytest.mark.parametrize("scopes", [[], ["workflows:read", "pipelines:write"]])
def test_what_is_known_to_fail_is_not_sent(scopes: list[str]) -> None:
    """The error names the scope that is missing, and those that are there."""
    with pytest.raises(
        MissingScopeError, match=r"GET /workflows needs .*workflows:write"
    ) as caught:
        check_scope(_Scoped(scopes), _request("workflows:write"))

    assert "workflows:write" == caught.value.scope
    assert all(scope in str(caught.value) for scope in scopes)


def test_a_credential_need_not_know_its_scopes() -> None:
    """The property is optional: two methods make a credential."""
    assert known_scopes(AnonymousAuth()) is None
    assert frozenset({"a", "b"}) == known_scopes(_Scoped(["a", "b"]))

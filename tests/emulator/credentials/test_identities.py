"""Who asks, and what they may do."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.credentials.identities import SCOPES, Identity, includes, known_scopes


def caller(*scopes: str) -> Identity:
    """Return somebody with these scopes."""
    return Identity(name="somebody", scopes=frozenset(scopes), budget="somebody")


def test_a_scope_allows_itself_and_full_administration_allows_all() -> None:
    """`admin:full` may do everything, nothing else implies another scope."""
    writer, admin = caller("workflows:write"), caller("admin:full")

    assert [scope for scope in SCOPES if writer.allows(scope)] == ["workflows:write"]
    assert [scope for scope in SCOPES if admin.allows(scope)] == list(SCOPES)


def test_without_scopes_nothing_is_allowed() -> None:
    """Having none is not the same as having no restriction."""
    assert [scope for scope in SCOPES if caller().allows(scope)] == []


def test_full_administration_is_included_in_nothing_else() -> None:
    """All other scopes together do not make an administrator."""
    others = [scope for scope in SCOPES if scope != "admin:full"]

    assert not includes(others, "admin:full")


def test_an_undocumented_scope_is_refused() -> None:
    """The error names those that are not known, in order, and those that are."""
    assert known_scopes(["workflows:read"] * 2) == {"workflows:read"}

    with pytest.raises(ValueError, match=r"unknown scope a:b, workflows:delete; known.*read"):
        known_scopes(["workflows:delete", "workflows:read", "a:b"])

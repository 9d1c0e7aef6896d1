"""API keys and scopes."""

from __future__ import annotations

import re

import pytest

from cloudflow_async.emulator.keys import SCOPES, KeyRing


def test_keys_look_like_development_keys_and_repeat_with_the_seed() -> None:
    """Two emulators with one seed issue the same keys, with another seed others."""
    first, same, other = (KeyRing(seed).issue(SCOPES).text for seed in (7, 7, 8))

    assert re.fullmatch(r"cf_test_[a-z0-9]{20}", first)
    assert first == same
    assert first != other


def test_only_the_very_key_is_found() -> None:
    """Beginnings, endings, other alphabets and nothing at all are no keys."""
    ring = KeyRing(0)
    keys = [ring.issue(SCOPES), ring.issue(["workflows:read"])]
    text = keys[1].text
    wrong = [None, "", text[:-1], text + "x", text.upper(), "ключ", "\udcff"]

    assert [ring.find(key.text) for key in keys] == keys
    assert [ring.find(presented) for presented in wrong] == [None] * len(wrong)


def test_a_scope_allows_itself_and_full_administration_allows_all() -> None:
    """`admin:full` may do everything, nothing else implies another scope."""
    ring = KeyRing(0)
    writer, admin = ring.issue(["workflows:write"]), ring.issue(["admin:full"])

    assert [scope for scope in SCOPES if writer.allows(scope)] == ["workflows:write"]
    assert [scope for scope in SCOPES if admin.allows(scope)] == list(SCOPES)


def test_an_undocumented_scope_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match=r"workflows:delete.*workflows:read"):
        KeyRing(0).issue(["workflows:read", "workflows:delete"])


def test_a_key_does_not_show_itself() -> None:
    """Its repr names scopes, not the key."""
    key = KeyRing(0).issue(SCOPES)

    assert key.text not in repr(key)

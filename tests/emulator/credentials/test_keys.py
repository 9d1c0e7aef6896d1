"""API keys."""

from __future__ import annotations

import re

import pytest

from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.credentials.keys import KeyRing


def test_keys_look_like_development_keys_and_repeat_with_the_seed() -> None:
    """Two emulators with one seed issue the same keys, with another seed others."""
    first, same, other = (KeyRing(seed).issue(SCOPES).text for seed in (7, 7, 8))

    assert re.fullmatch(r"cf_test_[a-z0-9]{20}", first)
    assert first == same
    assert first != other


def test_another_api_has_keys_of_another_kind() -> None:
    """They look different, are numbered by themselves, and the request log tells whose they are."""
    ring = KeyRing(7, prefix="tf_test_", owner="TechFlow key")
    key = ring.issue(())

    assert re.fullmatch(r"tf_test_[a-z0-9]{20}", key.text)
    assert key.text[8:] != KeyRing(7).issue(()).text[8:]
    assert "TechFlow key 1" == key.identity.name


def test_only_the_very_key_is_found() -> None:
    """Beginnings, endings, other alphabets and nothing at all are no keys."""
    ring = KeyRing(0)
    keys = [ring.issue(SCOPES), ring.issue(["workflows:read"])]
    text = keys[1].text
    wrong = ["", text[:-1], text + "x", text.upper(), "ключ", "\udcff"]

    assert [ring.find(key.text) for key in keys] == [key.identity for key in keys]
    assert [ring.find(presented) for presented in wrong] == [None] * len(wrong)


def test_a_key_stands_for_a_user_of_an_account_with_a_budget_of_its_own() -> None:
    """It is named by its number, and it did not come as a bearer token."""
    ring = KeyRing(0)
    first, second = ring.issue(["workflows:read"]), ring.issue(SCOPES, account="acme")

    assert (first.identity.name, second.identity.name) == ("key 1", "key 2")
    assert (first.identity.account, second.identity.account) == ("default", "acme")
    assert first.identity.scopes == {"workflows:read"}
    assert first.identity.budget != second.identity.budget
    assert not first.identity.bearer


def test_an_undocumented_scope_is_refused() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match=r"workflows:delete.*workflows:read"):
        KeyRing(0).issue(["workflows:read", "workflows:delete"])


def test_a_key_does_not_show_itself() -> None:
    """Its repr names scopes, not the key."""
    key = KeyRing(0).issue(SCOPES)

    assert key.text not in repr(key)

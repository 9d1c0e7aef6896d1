"""API keys and what they may do."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable

import attrs

from cloudflow_async.emulator.base.seeded_random import letters, seeded

from .identities import DEFAULT_ACCOUNT, Identity, known_scopes

_TEXT = re.compile(r"[\x21-\x7e]{1,256}")


@attrs.frozen
class ApiKey:
    """A key that the emulator has issued."""

    text: str = attrs.field(repr=False)
    identity: Identity


class KeyRing:
    """All keys of one of the emulator's APIs, the same in every run with the same seed.

    Args:
        seed: The keys follow from it.
        prefix: What they begin with.
        owner: How the request log calls who has one, before its number.
    """

    def __init__(self, seed: int, *, prefix: str = "cf_test_", owner: str = "key") -> None:
        self._random = seeded(seed, f"{owner}s")
        self._prefix = prefix
        self._owner = owner
        self._keys: list[ApiKey] = []

    def issue(
        self, scopes: Iterable[str], *, account: str = DEFAULT_ACCOUNT, text: str | None = None
    ) -> ApiKey:
        """Return a new key; one that is made up, unless a text is given.

        Raises:
            ValueError: A scope that the API document does not name, or a text that no header
                can carry.
        """
        if text is not None and not _TEXT.fullmatch(str(text)):
            raise ValueError("api_key must be a str of 1 to 256 visible ASCII characters")
        number = len(self._keys) + 1
        identity = Identity(
            name=f"{self._owner} {number}",
            scopes=known_scopes(scopes),
            account=account,
            budget=("key", number),
            bearer=False,
        )
        made_up = self._prefix + letters(self._random, 20)
        key = ApiKey(made_up if text is None else text, identity)
        self._keys.append(key)
        return key

    def find(self, presented: str) -> Identity | None:
        """Return who the key that equals `presented` stands for, or None."""
        secret = presented.encode("utf-8", "surrogateescape")
        matches = [key for key in self._keys if hmac.compare_digest(key.text.encode(), secret)]
        return matches[0].identity if matches else None

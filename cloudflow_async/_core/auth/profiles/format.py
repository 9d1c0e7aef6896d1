"""What may stand in a profile, and what it means; reads no files.

A file of profiles says who one is, never by what: a secret stands elsewhere, and the profile
names the place.

```toml
[profiles.default]
auth = "api_key"             # or oauth2, jwt, anonymous
api_key_env = "MY_KEY"       # or api_key_file, api_key_keyring = "service/username"
tier = "enterprise"          # or standard, unauthenticated
```
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import attrs

from cloudflow_async._core.errors import (
    CredentialError,
    CrossOriginError,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.http.urls import check_base_url, origin
from cloudflow_async._core.rate_limit.limits import RateLimits
from cloudflow_async._core.support.validation import is_number

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_IN_KEYRING = re.compile(r"[^/]+/.+")
_SECRET = re.compile(r"\A(cf_(live|test)_|whsec_|eyJ)|-----BEGIN")
_LONGEST_TEXT = 4096
_LONGEST_SHOWN = 64

WAYS: Final = ("env", "file", "keyring")
"""Where a secret can lie: each is the end of a key, as in ``api_key_env``."""


@attrs.frozen
class _Check:
    accepts: Callable[[Any], bool]
    wanted: str


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_TEXT and value.isprintable()
    )


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_finite(value: object) -> bool:
    return is_number(value) and abs(value) < math.inf


def _is_day_or_instant(value: object) -> bool:
    # A datetime is a date too; without a zone it names no instant.
    return isinstance(value, date) and getattr(value, "tzinfo", True) is not None


def _is_trusted_url(value: object) -> bool:
    try:
        return _is_text(value) and bool(check_base_url(value))  # type: ignore[arg-type]  # a str
    except InvalidArgumentError:
        return False


def _is_url(value: object) -> bool:
    try:
        return _is_text(value) and bool(origin(value))  # type: ignore[arg-type]  # a str
    except CrossOriginError:
        return False


def _is_place(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    def accepts(value: object) -> bool:
        return _is_text(value) and pattern.fullmatch(str(value)) is not None

    return accepts


def _one_of(*words: str) -> _Check:
    return _Check(
        lambda value: isinstance(value, str) and value in words, f"one of {', '.join(words)}"
    )


_TEXT = _Check(_is_text, "a string that is not empty and has no control characters")
_TEXTS = _Check(_is_list_of_texts, 'a list of strings, such as ["workflows:read"]')
_NUMBER = _Check(_is_finite, "a number")
_WHEN = _Check(_is_day_or_instant, "a date such as 2026-01-20, or a time with its zone")
_TRUSTED_URL = _Check(
    _is_trusted_url,
    "an https URL (plain http on loopback alone) without user info, query and fragment",
)
_URL = _Check(_is_url, "an absolute URL of http or https, without user info")
_PLACES = {
    "env": _Check(_is_place(_VARIABLE), "the name of an environment variable"),
    "file": _Check(_is_text, "the path of a file"),
    "keyring": _Check(_is_place(_IN_KEYRING), 'an entry of the keyring as "service/username"'),
}


@attrs.frozen(kw_only=True)
class _Kind:
    """What a profile of one kind of credential has, beside what all have."""

    keys: Mapping[str, _Check] = attrs.field(factory=dict)
    secrets: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()


_KINDS: Final[Mapping[str, _Kind]] = {
    "api_key": _Kind(
        keys={"created_at": _WHEN},
        secrets=("api_key", "next_key"),
        required=frozenset({"api_key"}),
    ),
    "oauth2": _Kind(
        keys={
            "client_id": _TEXT,
            "scopes": _TEXTS,
            "authorize_url": _TRUSTED_URL,
            "token_url": _TRUSTED_URL,
            "redirect_uri": _URL,
            "issuer": _TRUSTED_URL,
            "token_endpoint_auth_method": _one_of("client_secret_post", "client_secret_basic"),
            "token_store": _one_of("file", "keyring"),
            "token_file": _TEXT,
        },
        secrets=("client_secret",),
        required=frozenset({"client_id"}),
    ),
    "jwt": _Kind(
        keys={
            "issuer": _TEXT,
            "subject": _TEXT,
            "key_id": _TEXT,
            "scopes": _TEXTS,
            "audience": _TEXT,
            "lifetime": _NUMBER,
        },
        secrets=("private_key", "private_key_password"),
        required=frozenset({"issuer", "subject", "private_key"}),
    ),
    "anonymous": _Kind(),
}

_TIERS: Final[Mapping[str, Callable[[], RateLimits]]] = {
    "standard": RateLimits.standard,
    "enterprise": RateLimits.enterprise,
    "unauthenticated": RateLimits.unauthenticated,
}

_COMMON: Final[Mapping[str, _Check]] = {
    "auth": _one_of(*_KINDS),
    "base_url": _TRUSTED_URL,
    "tier": _one_of(*_TIERS),
}

_NEVER = frozenset(
    {"access_token", "client_secret", "key", "next_key", "password", "private_key"}
    | {"api_key", "private_key_password", "refresh_token", "secret", "token"}
)


@attrs.frozen(kw_only=True)
class Settings:
    """A profile that was checked."""

    kind: str
    """``api_key``, ``oauth2``, ``jwt`` or ``anonymous``."""

    base_url: str | None
    """Without a trailing slash; None: it names none."""

    limits: RateLimits | None
    """Of its tier; None: it names none."""

    values: Mapping[str, Any] = attrs.field(repr=False)
    """All that stands in it."""


def check_name(name: object) -> str:
    """Return the name of a profile.

    Raises:
        CredentialError: It is none.
    """
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise CredentialError(
        "The name of a profile has 1 to 64 letters, digits, hyphens and underscores."
    )


def names(document: Mapping[str, Any], source: str) -> tuple[str, ...]:
    """Return the names of the profiles in a document, in its order.

    Args:
        document: As TOML has it.
        source: What messages call it.

    Raises:
        CredentialError: It is no document of profiles.
    """
    for key in document:
        if key != "profiles":
            raise CredentialError(f"{source}: {_shown(key)} is unknown; {_SHAPE}.")
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict):
        raise CredentialError(f"{source}: 'profiles' is no table; {_SHAPE}.")
    return tuple(name for name in profiles if _NAME.fullmatch(name))


def read_settings(document: Mapping[str, Any], name: str, source: str) -> Settings:
    """Return what a profile of a document says; only this one is checked.

    Args:
        document: As TOML has it.
        name: Of the profile.
        source: What messages call the document.

    Raises:
        NoCredentialsError: There is no such profile.
        CredentialError: Something in it cannot be used; its value is not shown.
    """
    there = names(document, source)
    if name not in there:
        listed = ", ".join(there) or "none"
        raise NoCredentialsError(f"{source} has no profile '{name}'; it has: {listed}.")
    values, where = document["profiles"][name], f"{source}, profile '{name}'"
    if not isinstance(values, dict):
        raise CredentialError(f"{where}: it is no table; {_SHAPE}.")
    _check_secrets(values, where)
    kind = _read_kind(values, where)
    _check_keys(values, _KINDS[kind], where)
    return Settings(
        kind=kind,
        base_url=values["base_url"].rstrip("/") if "base_url" in values else None,
        limits=_read_limits(values.get("tier"), kind),
        values=values,
    )


_SHAPE = "a profile is a table such as [profiles.default]"


def _check_secrets(values: Mapping[str, Any], where: str) -> None:
    for key, value in values.items():
        if key in _NEVER:
            raise CredentialError(
                f"{where}: '{key}' would be a secret, and none stands in this file; say where it "
                f"lies by {_any_of(key)}."
            )
        if isinstance(value, str) and _SECRET.search(value):
            raise CredentialError(
                f"{where}: {_shown(key)} has a secret as its value, and none stands in this file; "
                "give the place where it lies."
            )


def _read_kind(values: Mapping[str, Any], where: str) -> str:
    if "auth" not in values:
        raise CredentialError(f"{where}: 'auth' is missing; it is {_COMMON['auth'].wanted}.")
    kind = values["auth"]
    _check(_COMMON["auth"], "auth", kind, where)
    return str(kind)


def _check_keys(values: Mapping[str, Any], kind: _Kind, where: str) -> None:
    known = {**_COMMON, **kind.keys, **_places(kind.secrets)}
    for key, value in values.items():
        if key not in known:
            raise CredentialError(
                f'{where}: {_shown(key)} is unknown; with auth = "{values["auth"]}" there are: '
                f"{', '.join(known)}."
            )
        _check(known[key], key, value, where)
    for key in sorted(kind.required.difference(kind.secrets, values)):
        raise CredentialError(f"{where}: '{key}' is missing.")
    if "token_file" in values and values.get("token_store") == "keyring":
        raise CredentialError(f"{where}: 'token_file' contradicts token_store = \"keyring\".")
    for secret in kind.secrets:
        _check_place(secret, values, where, required=secret in kind.required)


def _check(check: _Check, key: str, value: object, where: str) -> None:
    if not check.accepts(value):
        raise CredentialError(f"{where}: '{key}' must be {check.wanted}.")


def _check_place(secret: str, values: Mapping[str, Any], where: str, *, required: bool) -> None:
    given = [way for way in WAYS if f"{secret}_{way}" in values]
    if len(given) > 1 or (required and not given):
        raise CredentialError(f"{where}: give exactly one of {_any_of(secret)}.")


def _read_limits(tier: str | None, kind: str) -> RateLimits | None:
    if tier is None:
        return RateLimits.unauthenticated() if kind == "anonymous" else None
    return _TIERS[tier]()


def _places(secrets: tuple[str, ...]) -> Mapping[str, _Check]:
    return {f"{secret}_{way}": _PLACES[way] for secret in secrets for way in WAYS}


def _any_of(secret: str) -> str:
    return f"'{secret}_env', '{secret}_file' or '{secret}_keyring'"


def _shown(key: str) -> str:
    return f"'{printable(key[:_LONGEST_SHOWN])}'"

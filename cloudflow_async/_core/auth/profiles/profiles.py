"""Profiles: who one is, by name, in a file of one's own.

Their file is the configuration file, see `config_file`; it holds no secrets, see `profile_format`
for what it holds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import attrs

from cloudflow_async._core.auth.anonymous import AnonymousAuth
from cloudflow_async._core.auth.api_key.api_key import ApiKeyAuth
from cloudflow_async._core.auth.api_key.source import ApiKeyCallable, FileKey
from cloudflow_async._core.auth.jwt.jwt import JWTAuth
from cloudflow_async._core.auth.jwt.private_key import PrivateKey
from cloudflow_async._core.auth.oauth2.oauth2 import OAuth2Auth
from cloudflow_async._core.auth.protocol import Auth
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.stores.keyring_store import KeyringTokenStore
from cloudflow_async._core.auth.stores.token_store import TokenStore
from cloudflow_async._core.errors import (
    CredentialError,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.rate_limit.limits import RateLimits
from cloudflow_async._core.support.files.paths import shown
from cloudflow_async._core.support.secret import Secret

from .config_file import config_path, read_config, usual_config_path
from .format import WAYS, Settings, check_name, names, read_settings
from .secrets import KeptSecret, Place

_OAUTH2_OPTIONS = (
    "scopes",
    "authorize_url",
    "token_url",
    "redirect_uri",
    "issuer",
    "token_endpoint_auth_method",
)
_JWT_OPTIONS = ("scopes", "key_id", "audience", "lifetime")


@attrs.frozen(kw_only=True)
class Profile:
    """A profile of the configuration file."""

    name: str
    """As in ``[profiles.NAME]``."""

    path: Path
    """The file that it stands in."""

    kind: str
    """``api_key``, ``oauth2``, ``jwt`` or ``anonymous``."""

    base_url: str | None
    """Where its credential goes, without a trailing slash; None: it names no place."""

    limits: RateLimits | None
    """Of its tier; None: it names none, and the documented ones hold."""

    token_path: Path
    """Where tokens of an OAuth 2.0 login are kept, unless the keyring keeps them."""

    values: Mapping[str, Any] = attrs.field(repr=False)
    """All that stands in it; none of it is a secret."""

    def auth(self, network: Mapping[str, Any] | None = None) -> Auth:
        """Return its credential; this may read files or the keyring, and so block.

        Args:
            network: How the token requests of a login are made: the arguments `http`, `proxy`,
                `trust_env` and `ssl_context` of `OAuth2Auth`.

        Raises:
            CredentialError: A secret that it names is missing or cannot be used.
        """
        try:
            if self.kind == "oauth2":
                return _make_oauth2(self, network or {})
            return _MAKERS[self.kind](self)
        except InvalidArgumentError as error:
            problem = error.message
        raise CredentialError(f"{_where(self)}: {problem}")


def read_profile(name: str, environ: Mapping[str, str] = os.environ) -> Profile:
    """Return a profile; this reads a file, and so blocks for a moment.

    Args:
        name: Of the profile: letters, digits, hyphens and underscores.
        environ: Says where the file is.

    Raises:
        NoCredentialsError: There is no such file, or no such profile in it.
        CredentialError: The name, the file or something in the profile cannot be used.
    """
    path = config_path(environ)
    # Error trackers record local variables, and an environment holds secrets.
    del environ
    name = check_name(name)
    settings = read_config(path, lambda document: read_settings(document, name, shown(path)))
    if settings is None:
        raise NoCredentialsError(
            f"There is no profile '{name}': the file {shown(path)} is missing."
        )
    return _profile(name, path, settings)


def make_profile(
    name: str, values: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> Profile:
    """Return a profile that does not stand in the file yet.

    Args:
        name: Of the profile.
        values: What is to stand in it.
        environ: Says where the file is.

    Raises:
        CredentialError: The name or one of the values cannot be used.
    """
    path = config_path(environ)
    del environ  # as above
    name = check_name(name)
    settings = read_settings({"profiles": {name: dict(values)}}, name, shown(path))
    return _profile(name, path, settings)


def _profile(name: str, path: Path, settings: Settings) -> Profile:
    return Profile(
        name=name,
        path=path,
        kind=settings.kind,
        base_url=settings.base_url,
        limits=settings.limits,
        token_path=_token_path(name, settings.values, path),
        values=settings.values,
    )


def profile_names(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the names of the profiles there are, in the file's order; this reads the file.

    Raises:
        CredentialError: The file cannot be used.
    """
    path = config_path(environ)
    del environ  # as above
    return read_config(path, lambda document: names(document, shown(path))) or ()


def token_path(profile_name: str, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the tokens of a profile's login are kept, unless it says another place.

    Profiles of the same name in different configuration files are different people, perhaps of
    different servers; their tokens do not meet.

    Raises:
        CredentialError: That is no name of a profile.
    """
    path = config_path(environ)
    del environ  # as above
    return _usual_token_path(check_name(profile_name), path)


def _usual_token_path(name: str, path: Path) -> Path:
    import platformdirs  # noqa: PLC0415 - most programs never use it

    return platformdirs.user_state_path("cloudflow") / "tokens" / f"{_token_name(name, path)}.json"


def _token_name(name: str, path: Path) -> str:
    if path == usual_config_path():
        return name
    return f"{name}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


def _token_path(name: str, values: Mapping[str, Any], path: Path) -> Path:
    given = values.get("token_file")
    return _usual_token_path(name, path) if given is None else _path(given, path)


def _path(text: str, config: Path) -> Path:
    """Return a path that stands in the configuration file, as seen from there."""
    return config.parent / os.path.expanduser(text)


def _where(profile: Profile) -> str:
    return f"{shown(profile.path)}, profile '{profile.name}'"


def _place(profile: Profile, secret: str) -> Place | None:
    """Return where a secret of a profile lies; None: it has none."""
    for way in WAYS:
        key = f"{secret}_{way}"
        if key in profile.values:
            value = profile.values[key]
            value = str(_path(value, profile.path)) if way == "file" else value
            return Place(way=way, value=value, where=_where(profile), key=key)
    return None


def _required_place(profile: Profile, secret: str) -> Place:
    place = _place(profile, secret)
    assert place is not None, "a profile without it is refused"
    return place


def _secret(profile: Profile, secret: str) -> Secret | None:
    place = _place(profile, secret)
    return None if place is None else place.read()


def _given(profile: Profile, keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: profile.values[key] for key in keys if key in profile.values}


def _reveal(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _make_api_key(profile: Profile) -> Auth:
    following = _place(profile, "next_key")
    return ApiKeyAuth(
        _key_source(_required_place(profile, "api_key")),
        next_key=None if following is None else _key_source(following),
        created_at=_instant(profile.values.get("created_at")),
    )


def _key_source(place: Place) -> ApiKeyCallable:
    if place.way == "file":
        return FileKey(Path(place.value), strict=False)
    return place.text if place.way == "env" else KeptSecret(place)


def _instant(value: date | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.combine(value, time(), UTC)


def _make_oauth2(profile: Profile, network: Mapping[str, Any]) -> Auth:
    return OAuth2Auth(
        profile.values["client_id"],
        client_secret=_reveal(_secret(profile, "client_secret")),
        store=_make_store(profile),
        **_given(profile, _OAUTH2_OPTIONS),
        **network,
    )


def _make_store(profile: Profile) -> TokenStore:
    if profile.values.get("token_store") == "keyring":
        return KeyringTokenStore(profile.token_path.stem)
    return FileTokenStore(profile.token_path)


def _make_jwt(profile: Profile) -> Auth:
    return JWTAuth(
        profile.values["issuer"],
        profile.values["subject"],
        _private_key(_required_place(profile, "private_key")),
        password=_reveal(_secret(profile, "private_key_password")),
        **_given(profile, _JWT_OPTIONS),
    )


def _private_key(place: Place) -> PrivateKey:
    if place.way == "file":
        return Path(place.value)
    return place.text if place.way == "env" else place.fetch_text


def _make_anonymous(profile: Profile) -> Auth:  # noqa: ARG001 - as the others
    return AnonymousAuth()


_MAKERS: Final[Mapping[str, Callable[[Profile], Auth]]] = {
    "api_key": _make_api_key,
    "jwt": _make_jwt,
    "anonymous": _make_anonymous,
}

"""Base URLs, paths and query strings: checked and encoded before anything is sent."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from cloudflow_async._core.errors import CrossOriginError, InvalidArgumentError

_LONGEST_SEGMENT = 256
_LONGEST_NAME = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]+")
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_~-]+)+")
_NOT_IN_A_URL = re.compile(r"[^\x21-\x7e]|\\")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HIGHEST_PORT = 65535


class Origin(NamedTuple):
    """Where credentials may go."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def check_base_url(url: str, *, allow_insecure_http: bool = False) -> str:
    """Return `url` without a trailing slash if credentials may be sent there.

    https is required; plain http is accepted for ``localhost``, ``127.0.0.0/8`` and ``[::1]``
    alone, or with `allow_insecure_http`.  No name is resolved.

    Raises:
        InvalidArgumentError: It is none, or has user info, a query, a fragment or dot segments.
    """
    problem = _problem(url, allow_insecure_http=allow_insecure_http)
    if problem is not None:
        raise InvalidArgumentError(f"The base URL {problem}.")
    return url.rstrip("/")


def check_oauth_url(name: str, url: str) -> str:
    """Return the URL of an OAuth endpoint, or of a redirect to this client, as it stands.

    https is required; plain http is accepted for ``localhost``, ``127.0.0.0/8`` and ``[::1]``
    alone.  It may have a query (RFC 6749, 3.1 and 3.1.2).  No name is resolved.

    Raises:
        InvalidArgumentError: It is none, or has user info, a fragment or dot segments.
    """
    problem = _problem(url, allow_query=True)
    if problem is not None:
        raise InvalidArgumentError(f"{name} {problem}.")
    return url


def origin(url: str) -> Origin:
    """Return scheme, host and port of an absolute URL.

    Raises:
        CrossOriginError: It has none that could be compared safely.
    """
    return _split(url)[0]


def same_origin_path(url: str, base_url: str) -> str:
    """Return path and query of `url`, relative to `base_url`, if both have one origin.

    Raises:
        CrossOriginError: It lies elsewhere; credentials go only to the client's own origin.
    """
    place, parts = _split(url)
    own_place, own_parts = _split(base_url)
    if place != own_place:
        raise CrossOriginError("The URL belongs to another origin than this client's base URL.")
    prefix = own_parts.path.rstrip("/")
    if not parts.path.startswith(f"{prefix}/") or _has_dots(parts.path):
        raise CrossOriginError("The URL does not lie below this client's base URL.")
    query = f"?{parts.query}" if parts.query else ""
    return parts.path.removeprefix(prefix) + query


def target(template: str, segments: Mapping[str, str], query: Iterable[tuple[str, str]]) -> str:
    """Return a path template with its parameters and query filled in, encoded.

    Raises:
        InvalidArgumentError: A parameter cannot be one segment of a path.
    """
    path = template
    if segments:
        path = template.format_map({name: _segment(name, text) for name, text in segments.items()})
    encoded = "&".join(f"{_quoted(name, name)}={_quoted(name, text)}" for name, text in query)
    return f"{path}?{encoded}" if encoded else path


def check_path(path: str) -> str:
    """Return a path given by the caller, such as ``/anything``, if it stays below the base URL.

    Raises:
        InvalidArgumentError: It could leave it, or carries a query, a fragment or white space.
    """
    if not isinstance(path, str):
        raise InvalidArgumentError(f"A path must be a str, not {type(path).__name__}.")
    # Most have none of what is looked for below, and each look costs.
    if _PLAIN_PATH.fullmatch(path):
        return path
    if not path.startswith("/") or path.startswith("//"):
        raise InvalidArgumentError("A path starts with one slash, such as '/workflows'.")
    if _NOT_IN_A_URL.search(path) or "?" in path or "#" in path:
        raise InvalidArgumentError(
            "A path has no query, fragment, backslash, white space or unencoded characters; "
            "use params= for the query."
        )
    if _has_dots(path):
        raise InvalidArgumentError("A path has no '.' or '..' segments.")
    return path


def check_header(name: str, value: str) -> str:
    """Return a header's value if it can be sent.

    Raises:
        InvalidArgumentError: It has a control or non-ASCII character; the value is not shown.
    """
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{name} must be a str, not {type(value).__name__}.")
    if _CONTROL.search(value) or not value.isascii():
        raise InvalidArgumentError(
            f"{name} has a character that a header cannot carry (a line break, perhaps?)."
        )
    return value


def _segment(name: str, text: str) -> str:
    if not isinstance(text, str):
        raise InvalidArgumentError(f"{name} must be a str, not {type(text).__name__}.")
    if text in {"", ".", ".."} or len(text) > _LONGEST_SEGMENT or _CONTROL.search(text):
        raise InvalidArgumentError(
            f"{name} must have 1 to {_LONGEST_SEGMENT} characters, none of them a control "
            "character, and be neither '.' nor '..'."
        )
    return _quoted(name, text)


def _quoted(name: str, text: str) -> str:
    # Ids and numbers, which is what most are, need none.
    if _UNRESERVED.fullmatch(text):
        return text
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        problem = (
            f"{name[:_LONGEST_NAME]!a} has a character that cannot be encoded (half of a "
            "surrogate pair)."
        )
    # Raised outside the handler, because the error above holds the text.
    raise InvalidArgumentError(problem)


def _split(url: str) -> tuple[Origin, SplitResult]:
    # A backslash, a tab or user info is read as another host by some URL parsers.
    if _NOT_IN_A_URL.search(url):
        raise CrossOriginError("The URL has characters that no URL may have.")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise CrossOriginError("The URL has a host that cannot be read.") from None
    match = _HOST_AND_PORT.fullmatch(parts.netloc)
    if parts.scheme not in _DEFAULT_PORTS or match is None:
        raise CrossOriginError("The URL is not an absolute http or https URL of a plain host.")
    port = int(match["port"] or _DEFAULT_PORTS[parts.scheme])
    if not 0 < port <= _HIGHEST_PORT:
        raise CrossOriginError("The URL has a port that does not exist.")
    return Origin(parts.scheme, match["host"].lower(), port), parts


def _has_dots(path: str) -> bool:
    # Decoded, because a server may decode before it resolves: ..%2f and %2e%2e lead upwards too.
    return any(segment in {".", ".."} for segment in re.split(r"[/\\]", unquote(path)))


def _problem(
    url: str, *, allow_insecure_http: bool = False, allow_query: bool = False
) -> str | None:
    if not isinstance(url, str):
        return f"must be a str, not {type(url).__name__}"
    try:
        place, parts = _split(url)
    except CrossOriginError:
        return "must look like 'https://host/path', without user info"
    if "#" in url or _has_dots(parts.path):
        return "must have neither a fragment nor '.' or '..' segments"
    if "?" in url and not allow_query:
        return "must have no query"
    if place.scheme == "http" and not (allow_insecure_http or _is_loopback(place.host)):
        return "must be https (plain http is accepted for localhost, 127.0.0.0/8 and [::1] only)"
    return None


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "[::1]"}:
        return True
    try:
        # Of the many spellings that a resolver takes for 127.0.0.1 (2130706433, 0x7f.1,
        # 0177.0.0.1, 127.1), ipaddress knows the plain one only; that is what is wanted.
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False

"""Secrets that are planted, and the search for them in all that a program shows of itself.

A `Lookout` is told the secrets and shown everything: objects, errors with all that they are
chained to, logs, warnings, tasks, output.  It looks for any 12 characters in a row of a secret, as
it is or in an encoding in which it could be overlooked.
"""

from __future__ import annotations

import asyncio
import asyncio.constants
import base64
import contextlib
import copy
import functools
import hashlib
import html
import json
import logging
import os
import pickle
import traceback
import warnings
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock
from urllib.parse import quote, quote_plus

import attrs

import cloudflow_async
from cloudflow_async import CloudFlowError, Response
from cloudflow_async._core.support.secret import Secret

PIECE = 12
"""Characters of a secret that count as a find; a `Secret` shows its last four."""

DEPTH = 6
"""How deep objects lie that are looked at."""

PACKAGE = os.path.dirname(cloudflow_async.__file__) + os.sep

_BLOCK = PIECE // 2
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_TOKEN = _LETTERS + "-._~+/"
_PRINTABLE = _LETTERS + "+/&%=?#;:,<>'\"\\ "


def _made(name: str, alphabet: str, length: int) -> str:
    """Return a text that is the same in each run and stands in no file."""
    stream = hashlib.shake_256(name.encode()).digest(2 * length)
    return "".join(
        alphabet[int.from_bytes(stream[2 * at : 2 * at + 2]) % len(alphabet)]
        for at in range(length)
    )


API_KEY = "cf_live_" + _made("API key", _LETTERS, 32)
NEXT_KEY = "cf_live_" + _made("next key", _LETTERS, 32)
CLIENT_SECRET = _made("client secret", _PRINTABLE, 48)
ACCESS_TOKEN = _made("access token", _TOKEN, 64) + "=="
NEXT_ACCESS_TOKEN = _made("next access token", _TOKEN, 64)
REFRESH_TOKEN = _made("refresh token", _PRINTABLE, 48)
NEXT_REFRESH_TOKEN = _made("next refresh token", _TOKEN, 48)
CODE = _made("code", _PRINTABLE, 40)
KEY_PASSWORD = _made("key password", _PRINTABLE, 32)
PROXY_PASSWORD = _made("proxy password", _LETTERS, 32)
WEBHOOK_SECRET = "whsec_" + base64.b64encode(_made("webhook", _LETTERS, 32).encode()).decode()

PLANTED: Mapping[str, str] = {
    "API key": API_KEY,
    "next key": NEXT_KEY,
    "client secret": CLIENT_SECRET,
    "access token": ACCESS_TOKEN,
    "next access token": NEXT_ACCESS_TOKEN,
    "refresh token": REFRESH_TOKEN,
    "next refresh token": NEXT_REFRESH_TOKEN,
    "code": CODE,
    "key password": KEY_PASSWORD,
    "proxy password": PROXY_PASSWORD,
    "webhook secret": WEBHOOK_SECRET,
}
"""What can be known in advance; states, verifiers, JWTs and private keys are added by `plant`."""


def pem_body(pem: bytes | str) -> str:
    """Return what is secret of a PEM text: its lines without the armour, joined."""
    text = pem.decode() if isinstance(pem, bytes) else pem
    return "".join(
        line for line in text.splitlines() if line and ":" not in line and "-" not in line
    )


def configure(path: Path, **values: str) -> None:
    """Write a configuration file with one profile, and make it the one that is read."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    path.write_text(f"[profiles.default]\n{lines}")
    os.environ["CLOUDFLOW_CONFIG"] = str(path)


def encodings(secret: str) -> Iterator[tuple[str, str]]:
    """Return a secret in all encodings that are looked for, each with its name."""
    data = secret.encode()
    yield "plain", secret
    yield "repr", repr(secret)[1:-1]
    yield "JSON", json.dumps(secret)[1:-1]
    yield "JSON", json.dumps(secret)[1:-1].replace("/", "\\/")
    yield "JSON", "".join(f"\\u{ord(each):04x}" for each in secret)
    yield "HTML", html.escape(secret)
    yield "hex", data.hex()
    yield "hex", data.hex().upper()
    yield "URL", quote_plus(secret)
    yield "URL", quote(quote(secret, safe=""), safe="")
    for inner, text in (("", secret), (" of URL", quote(secret, safe=""))):
        yield f"URL{inner}", quote(text, safe="")
        for at in range(3):
            yield f"base64{inner}", _base64(text.encode(), at)
            yield f"base64url{inner}", _base64(text.encode(), at).translate({43: 45, 47: 95})


def _base64(data: bytes, at: int) -> str:
    """Return the middle of base64 text that has `data` behind `at` other bytes."""
    text = base64.b64encode(b"\0" * at + data).decode().rstrip("=")
    return text[(0, 2, 3)[at] : -1]


@attrs.frozen
class _Pieces:
    blocks: frozenset[str]
    """Every half piece: one that is found at an even place may be the beginning of a find."""

    pieces: Mapping[str, str]
    """Every piece, and its encoding."""


@functools.lru_cache(maxsize=256)
def _pieces(secret: str) -> _Pieces:
    blocks: set[str] = set()
    pieces: dict[str, str] = {}
    for name, text in encodings(secret):
        blocks.update(text[at : at + _BLOCK] for at in range(len(text) - _BLOCK + 1))
        for at in range(len(text) - PIECE + 1):
            pieces.setdefault(text[at : at + PIECE], name)
    return _Pieces(frozenset(blocks), pieces)


def find(text: str, secret: str) -> str | None:
    """Return the encoding in which a piece of a secret stands in a text; None: it does not."""
    known = _pieces(secret)
    if known.blocks.isdisjoint(_blocks(text)):
        return None
    pieces = (text[at : at + PIECE] for at in range(len(text) - PIECE + 1))
    return next((known.pieces[piece] for piece in pieces if piece in known.pieces), None)


@functools.lru_cache(maxsize=512)
def _blocks(text: str) -> frozenset[str]:
    # Whoever has 12 characters in a row has a whole block that begins at a multiple of 6.
    return frozenset(text[at : at + _BLOCK] for at in range(0, len(text), _BLOCK))


@functools.cache
def _blocks_of_all() -> frozenset[str]:
    return frozenset().union(*(_pieces(secret).blocks for secret in PLANTED.values()))


class Lookout:
    """Knows the secrets, and remembers all text that it was shown."""

    def __init__(self) -> None:
        self._added: dict[str, str] = {}
        self._shown: dict[str, dict[str, None]] = {}

    def plant(self, name: str, secret: str) -> None:
        """Add a secret that was made on the way."""
        if secret not in self._added.values():
            self._added[f"{name} {len(self._added) + 1}"] = secret

    def read(self, where: str, text: str) -> None:
        """Remember a text."""
        if len(text) >= PIECE:
            self._shown.setdefault(text, {})[where] = None

    def see(self, where: str, thing: object) -> None:
        """Look at an object or an error, and at what it is made of."""
        for place, text in shown_by(thing, where):
            self.read(place, text)
        if isinstance(thing, BaseException):
            self.read(where, "".join(traceback.format_exception(thing)))

    def glance(self, where: str, thing: object) -> None:
        """Look at an object without going into what it is made of."""
        for text in _faces(thing):
            self.read(where, text)

    async def watch(self, doing: Awaitable[object]) -> None:
        """Look at how something ends: well, or with an error of this package."""
        try:
            result = await doing
        except (CloudFlowError, TimeoutError, asyncio.CancelledError, ExceptionGroup) as error:
            self.see("error", error)
            self.copies("error", error)
        else:
            # Of an answer that is given as it came, the body is the caller's.
            self.see("result", repr(result) if isinstance(result, Response) else result)

    def copies(self, where: str, thing: object) -> None:
        """Look at what pickling and copying make of it, or at the errors that they raise."""
        for name, make in _COPIES.items():
            try:
                made = make(thing)
            except Exception as error:  # noqa: BLE001 - any refusal will do, if it is silent
                self.see(f"{where}: {name}", error)
            else:
                self.glance(f"{where}: {name}", made)

    def tasks(self) -> None:
        """Look at the names and reprs of all tasks."""
        for task in asyncio.all_tasks():
            self.read("task", f"{task!r} {task.get_name()} {task.get_coro()!r}")

    def finds(self) -> list[str]:
        """Return one line for each secret and place at which a piece of it was found."""
        found = [(text, *find) for text in self._shown for find in self._find_all(text)]
        return sorted(
            f"{where}: {name} ({encoding}): {_around(text, secret)}"
            for text, name, secret, encoding in found
            for where in self._shown[text]
        )

    def _find_all(self, text: str) -> Iterator[tuple[str, str, str]]:
        suspects = dict(self._added)
        if not _blocks_of_all().isdisjoint(_blocks(text)):
            suspects.update(PLANTED)
        for name, secret in suspects.items():
            if (encoding := find(text, secret)) is not None:
                yield name, secret, encoding

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear all loggers at DEBUG, and all warnings with them."""
        root, handler = logging.getLogger(), _Ear(self)
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with warnings.catch_warnings(), _cheap_debug_mode():
                warnings.simplefilter("always")
                logging.captureWarnings(True)
                yield
        finally:
            logging.captureWarnings(False)
            root.setLevel(level)
            root.removeHandler(handler)


@contextlib.contextmanager
def _cheap_debug_mode() -> Iterator[None]:
    """Keep asyncio's debug mode from noting where each task, future and callback came from."""
    somewhere = traceback.StackSummary.from_list([("somewhere.py", 1, "somebody", "")])
    with (
        mock.patch.object(traceback, "extract_stack", return_value=somewhere),
        mock.patch.object(asyncio.constants, "DEBUG_STACK_DEPTH", 1),
    ):
        yield


class _Ear(logging.Handler):
    def __init__(self, lookout: Lookout) -> None:
        super().__init__(logging.DEBUG)
        self._lookout = lookout

    def emit(self, record: logging.LogRecord) -> None:
        where = f"log of {record.name}, {record.filename}:{record.lineno}"
        self._lookout.read(where, record.getMessage())
        self._lookout.see(where, record.args)
        if record.exc_info and record.exc_info[1] is not None:
            self._lookout.see(where, record.exc_info[1])


_COPIES: Mapping[str, Any] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def shown_by(thing: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Return all text of an object, its attributes and theirs, six levels deep.

    What is no exception is gone into only if it is of this package, or a container.
    """
    yield from _walk(thing, where, DEPTH, set(), isinstance(thing, BaseException))


def _walk(
    thing: object, where: str, depth: int, seen: set[int], in_error: bool
) -> Iterator[tuple[str, str]]:
    if id(thing) in seen or isinstance(thing, type):
        return
    seen.add(id(thing))
    for text in _faces(thing):
        yield where, text
    if isinstance(thing, BaseException):
        yield from _frames(thing, where)
    if depth and _is_open(thing, in_error):
        for name, part in _parts(thing):
            deeper = depth - (not isinstance(part, BaseException))
            yield from _walk(part, f"{where}{name}", deeper, seen, in_error)


def _faces(thing: object) -> Iterator[str]:
    """Return what an object shows to those who print it."""
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, bytes | bytearray):
        yield bytes(thing).decode("latin-1")
    elif thing is not None:
        yield repr(thing)
        yield f"{thing!s} {thing:}" if type(thing).__format__ is object.__format__ else str(thing)
        if attrs.has(type(thing)) and _is_ours(type(thing)):
            yield repr(attrs.asdict(thing))  # type: ignore[arg-type]  # it is one
        if _is_ours(type(thing)) and not isinstance(thing, Secret):
            yield repr(dict(_attributes(thing)))


def _is_open(thing: object, in_error: bool) -> bool:
    if isinstance(thing, Secret):
        return False
    if isinstance(thing, Mapping | list | tuple | set | frozenset | BaseException):
        return True
    module = type(thing).__module__.partition(".")[0]
    return _is_ours(type(thing)) or (in_error and module in {"aiohttp", "yarl", "multidict"})


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "cloudflow_async"


def _parts(thing: object) -> Iterator[tuple[str, object]]:
    if isinstance(thing, Mapping):
        yield from ((f" key {at}", key) for at, key in enumerate(thing))
        yield from ((f"[{key!s:.20}]", value) for key, value in thing.items())
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from ((f"[{at}]", part) for at, part in enumerate(thing))
    else:
        yield from ((f".{name}", part) for name, part in _attributes(thing))
    if isinstance(thing, BaseException):
        for name in ("args", "__notes__", "__cause__", "__context__", "exceptions"):
            yield f".{name}", getattr(thing, name, None)


def _attributes(thing: object) -> Iterator[tuple[str, object]]:
    yield from list(getattr(thing, "__dict__", {}).items())
    for kind in type(thing).__mro__:
        slots: str | Iterable[str] = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in {"__dict__", "__weakref__"} and hasattr(thing, slot):
                yield slot, getattr(thing, slot)


def _frames(error: BaseException, where: str) -> Iterator[tuple[str, str]]:
    """Return the variables of this package's frames, as error trackers record them."""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if _is_ours_of(frame):
            code = frame.f_code
            place = f"{where}: local of {os.path.basename(code.co_filename)}:{line} {code.co_name}"
            for name, value in frame.f_locals.items():
                yield f"{place} {name}", f"{name}={_repr(value)}"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except AttributeError:
        return "an object that was not finished"


def _is_ours_of(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return file.startswith(PACKAGE) or (file.startswith("<attrs") and "cloudflow_async" in file)


def _around(text: str, secret: str) -> str:
    """Return where in a text a find is."""
    pieces = _pieces(secret).pieces
    at = next(at for at in range(len(text)) if text[at : at + PIECE] in pieces)
    return ascii(text[max(0, at - 30) : at + PIECE])

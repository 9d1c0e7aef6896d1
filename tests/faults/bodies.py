"""Faults of an answer's body: how it is framed and encoded (b), and what is in it (j)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any, Final

from .bombs import BOMBS, bomb_answer
from .connections import EVIL
from .fault import Fault, final, fine, lost, row
from .server import (
    CHUNKED,
    Answer,
    Way,
    answering,
    bytewise,
    chunk,
    dripping,
    endlessly,
    saying,
    then_stalling,
)

_BAD_REQUEST = "400/0"
_MIB = 1024 * 1024


def _framed(*lines: bytes, body: Callable[[bytes], bytes] = lambda body: body) -> Way:
    """Return the way to answer with other headers, and the body changed."""
    return saying(lambda good: good.head(*lines) + body(good.body))


def _length(change: Callable[[int], bytes]) -> Way:
    return saying(lambda good: good.head(b"Content-Length: " + change(len(good.body))) + good.body)


def _one_chunk(size: bytes) -> Way:
    """Return the way to answer in one chunk of which this is told to be the size."""
    return _framed(CHUNKED, body=lambda body: size + b"\r\n" + body + b"\r\n0\r\n\r\n")


def _encoded(encoding: bytes, encode: Callable[[bytes], bytes]) -> Way:
    def spoil(good: Answer) -> bytes:
        body = encode(good.body)
        length = b"Content-Length: %d" % len(body)
        return good.head(length, b"Content-Encoding: " + encoding) + body

    return saying(spoil)


def _zip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _with_bad_sum(body: bytes) -> bytes:
    data = bytearray(_zip(body))
    data[-8] ^= 0xFF
    return bytes(data)


def _exploding(encoding: str, chunked: bool) -> Way:
    return saying(lambda _: bomb_answer(encoding, chunked=chunked))


def _damaged(hook: str = _BAD_REQUEST) -> dict[str, str]:
    """Return the outcomes of a body that another attempt may bring undamaged."""
    return row("R1 DecodeError", "U DecodeError", "E TokenRequestError", "R1 DecodeError", hook)


_FRAMING = (
    Fault(
        id="b1",
        words="a body shorter than its length",
        ways=(_length(lambda size: b"%d" % (size + 10)),),
        cells=lost(hook="-/0"),
    ),
    Fault(
        id="b2",
        words="chunks without an end",
        ways=(_framed(CHUNKED, body=chunk),),
        cells=lost(hook="-/0"),
    ),
    Fault(
        id="b3",
        words="a chunk that is cut",
        ways=(_framed(CHUNKED, body=lambda body: chunk(body)[:-9]),),
        cells=lost(hook="-/0"),
    ),
    Fault(
        id="b4",
        words="gzip that is cut amid the JSON",
        ways=(_encoded(b"gzip", lambda body: _zip(body)[:-20]),),
        cells=_damaged("415/0"),
    ),
    Fault(
        id="b5",
        words="gzip with a bad check sum",
        ways=(_encoded(b"gzip", _with_bad_sum),),
        cells=lost(hook="415/0"),
    ),
    Fault(
        id="b6",
        words="garbage after the body, in the same segment",
        ways=(saying(lambda good: bytes(good) + b"garbage\r\n\r\n"),),
        cells=lost(hook="400/0, 204/1"),
    ),
    Fault(
        id="b7",
        words="two answers in one segment",
        ways=(saying(lambda good: bytes(good) + EVIL, keeps=True),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="b8",
        words="two lengths",
        ways=(saying(lambda good: good.head(good.length, b"Content-Length: 7") + good.body),),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="b9",
        words="a length, and chunks",
        ways=(
            saying(lambda good: good.head(good.length, CHUNKED) + chunk(good.body) + b"0\r\n\r\n"),
        ),
        cells=lost(hook="400/0, 408/0"),
    ),
    Fault(
        id="b10",
        words="a length of -1, with a sign, beyond 64 bits",
        ways=(
            _length(lambda size: b"-1"),
            _length(lambda size: b"+%d" % size),
            _length(lambda size: b"9" * 30),
        ),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="b11",
        words="the size of a chunk: bad, negative, huge",
        ways=tuple(_one_chunk(size) for size in (b"zz", b"-5", b"f" * 20)),
        cells=lost(hook="400/0, 408/0"),
    ),
    Fault(
        id="b12",
        words="declared as gzip, and it is not",
        ways=(_encoded(b"gzip", lambda body: body),),
        cells=lost(hook="415/0"),
    ),
    Fault(
        id="b13",
        words="encoded twice, and by something unknown",
        ways=(
            _encoded(b"gzip", lambda body: _zip(_zip(body))),
            _encoded(b"rot13", lambda body: body[::-1]),
        ),
        cells=_damaged("415/0"),
    ),
    Fault(
        id="b14",
        words="Brotli and zstd, for which nobody asked",
        ways=tuple(
            _encoded(name, lambda body: b"\x28\xb5\x2f\xfd\x00\x01") for name in (b"br", b"zstd")
        ),
        cells=final("TransportError", hook="400/0, 415/0"),
    ),
    Fault(
        id="b15",
        words="a bomb: 1 GiB of spaces in 1 MB of gzip or deflate",
        ways=tuple(_exploding(*each) for each in BOMBS),
        options={"max_response_bytes": _MIB},
        cells=final("ResponseTooLargeError", hook="415/0"),
    ),
    Fault(
        id="b16",
        words="a body without end",
        ways=(
            endlessly(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
            endlessly(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n\r\n", chunk(b" " * 65536)),
        ),
        options={"max_response_bytes": _MIB},
        cells=final("ResponseTooLargeError", hook="413/0"),
    ),
    Fault(
        id="b17",
        words="a byte every 50 ms",
        ways=(dripping(bytewise, pause=0.05),),
        cells=lost("RequestTimeoutError", hook="408/0"),
    ),
    Fault(
        id="b18",
        words="nothing after the headers",
        ways=(then_stalling(lambda good: good.head(good.length)),),
        cells=lost("RequestTimeoutError", hook="408/0"),
    ),
    Fault(
        id="b19",
        words="no answer",
        ways=(then_stalling(),),
        cells=lost("RequestTimeoutError", hook="-/0"),
    ),
)


def _body(change: Callable[[bytes], bytes], *, keeps: bool = True) -> Way:
    """Return the way to answer with another body."""

    def spoil(good: Answer) -> bytes:
        body = change(good.body)
        return good.head(b"Content-Length: %d" % len(body)) + body

    return saying(spoil, keeps=keeps)


def _other_body(body: bytes) -> Way:
    return _body(lambda _: body)


def _member(text: bytes) -> Way:
    """Return the way to answer with one more member in the object."""
    return _body(lambda body: b"{" + text + b", " + body.lstrip()[1:])


def _object(change: Callable[[dict[str, Any]], Any]) -> Way:
    """Return the way to answer with the object changed, that of a row in a list."""

    def changed(body: bytes) -> bytes:
        value = json.loads(body)
        change(value["data"][0] if "data" in value else value)
        return json.dumps(value).encode()

    return _body(changed)


def _remove(value: dict[str, Any]) -> None:
    value.pop("id", None)
    value.pop("access_token", None)


def _retype(value: dict[str, Any]) -> None:
    value["access_token" if "access_token" in value else "created_at"] = 7


def _set(**fields: object) -> Way:
    return _object(lambda value: value.update(fields))


def _nullify(value: dict[str, Any]) -> None:
    value.update(dict.fromkeys(("description", "webhook_url", "scope"), None))


def _loosen(value: dict[str, Any]) -> None:
    if "expires_in" in value:
        value["expires_in"] = 3600.0
    if "metrics" in value:
        value["metrics"]["success_rate"] = 98


_HTML = b"<!doctype html><title>Welcome</title>"

_CONTENT = (
    Fault(id="j1", words="an empty body", ways=(_body(lambda body: b""),), cells=_damaged()),
    Fault(id="j2", words="HTML", ways=(_body(lambda body: _HTML),), cells=_damaged()),
    Fault(
        id="j3", words="JSON that is cut", ways=(_body(lambda body: body[:-9]),), cells=_damaged()
    ),
    Fault(
        id="j4",
        words="more after the JSON",
        ways=(_body(lambda body: body + b"}"),),
        cells=_damaged(),
    ),
    Fault(
        id="j5",
        words="NaN, Infinity",
        ways=(_member(b'"x": NaN'), _member(b'"x": -Infinity')),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j6",
        words="a key twice: the last one counts",
        ways=(_member(b'"id": "evil", "data": [], "access_token": "evil"'),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j7",
        words="100,000 lists, each in the one before",
        ways=(_member(b'"x": ' + b"[" * 100_000 + b"]" * 100_000),),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j8",
        words="an integer of 5,000 digits",
        ways=(_member(b'"x": ' + b"9" * 5000),),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j9",
        words="a number beyond a double",
        ways=(_member(b'"x": 1e99999'),),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j10",
        words="bytes that are no UTF-8",
        ways=(_member(b'"x": "\xff\xfe"'),),
        cells=_damaged(),
    ),
    Fault(
        id="j11",
        words="UTF-16, a byte order mark",
        ways=(
            _body(lambda body: body.decode().encode("utf-16")),
            _body(lambda body: b"\xef\xbb\xbf" + body),
        ),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j12",
        words="half a surrogate pair",
        ways=(_member(rb'"x": "\ud800"'),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j13",
        words="a NUL in a string",
        ways=(_member(b'"x": "\0"'),),
        cells=_damaged(),
    ),
    Fault(
        id="j14",
        words="null, a list, a string at the top",
        ways=tuple(_other_body(text) for text in (b"null", b"[]", b'"text"')),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j15",
        words="no id",
        ways=(_object(_remove),),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j16",
        words="a number where a text is due",
        ways=(_object(_retype),),
        cells=final("DecodeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="j17",
        words="an unknown field",
        ways=(_set(something=[{"new": True}]),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j18",
        words="an unknown word where the document lists some",
        ways=(_set(status="dreaming", scope="workflows:read dreams:read"),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j19",
        words="null where a field may be missing",
        ways=(_object(_nullify),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j20",
        words="a whole number for a fraction, and the reverse",
        ways=(_object(_loosen),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j21",
        words="no content type",
        ways=(answering(headers={}),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="j22",
        words="other content types",
        ways=tuple(
            answering(headers={"Content-Type": name})
            for name in ("application/json; charset=utf-8", "application/problem+json", "text/html")
        ),
        cells=fine(hook="204/1"),
    ),
)

FAULTS: Final[tuple[Fault, ...]] = _FRAMING + _CONTENT

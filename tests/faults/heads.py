"""Faults of an answer's head (h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from .fault import Fault, final, fine, lost
from .server import Answer, Way, endlessly, saying

_BAD_REQUEST = "400/0"


def _line(line: bytes, *, version: bytes = b"HTTP/1.1", keeps: bool = True) -> Way:
    """Return the way to answer with another line among the headers."""

    def spoil(good: Answer) -> bytes:
        fields = b"".join(f"{k}: {v}\r\n".encode() for k, v in good.headers.items())
        start = version + b" %d X\r\n" % good.status
        return start + fields + line + b"\r\n" + good.length + b"\r\n\r\n" + good.body

    return saying(spoil, keeps=keeps)


def _status_line(text: bytes) -> Way:
    return saying(lambda good: text + b"\r\n" + good.length + b"\r\n\r\n" + good.body)


def _status(status: int, *lines: bytes) -> Way:
    def spoil(good: Answer) -> bytes:
        return attrs.evolve(good, status=status).head(good.length, *lines) + good.body

    return saying(spoil)


def _changed(change: Callable[[bytes], bytes]) -> Way:
    return saying(lambda good: change(bytes(good)), keeps=True)


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        id="h1",
        words="half a status line",
        ways=(saying(b"HTTP/1.1 2"),),
        cells=lost(hook="-/0"),
    ),
    Fault(
        id="h2",
        words="half of the headers",
        ways=(saying(b"HTTP/1.1 200 OK\r\nContent-Le"),),
        cells=lost(hook="-/0"),
    ),
    Fault(
        id="h3",
        words="bytes that are no HTTP: of TLS, any",
        ways=(
            saying(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
            saying(b"\x00\xff garbage \r\n\r\n"),
        ),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="h4",
        words="HTTP/0.9: a body without a head",
        ways=(saying(lambda good: good.body),),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="h5",
        words="the status line of ICY",
        ways=(_status_line(b"ICY 200 OK"),),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="h6",
        words="a status of letters, of one digit, of two",
        ways=tuple(_status_line(b"HTTP/1.1 " + status + b" X") for status in (b"abc", b"2", b"99")),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="h7",
        words="status 999",
        ways=(_status(999),),
        cells=final("DecodeError"),
    ),
    Fault(
        id="h8",
        words="HTTP/1.10",
        ways=(_line(b"X-A: b", version=b"HTTP/1.10", keeps=False),),
        cells=lost(hook=_BAD_REQUEST),
    ),
    Fault(
        id="h9",
        words="HTTP/2.0 on a wire of HTTP/1.1",
        ways=(_line(b"X-A: b", version=b"HTTP/2.0"),),
        cells=fine(hook="204/1"),
    ),
    *(
        Fault(id=name, words=words, ways=(_line(line),), cells=lost(hook=_BAD_REQUEST))
        for name, words, line in (
            ("h10", "a NUL in a header's value", b"X-A: a\0b"),
            ("h11", "a header without a name", b": b"),
            ("h12", "a space in a header's name", b"X A: b"),
            ("h13", "a header without a colon", b"X-A"),
            ("h14", "a bare CR in a header's value", b"X-A: a\rb"),
        )
    ),
    Fault(
        id="h15",
        words="lines that end with LF alone",
        is_lax=True,
        ways=(_changed(lambda data: data.replace(b"\r\n", b"\n")),),
        cells=fine(hook="400/0, 204/1"),
    ),
    Fault(
        id="h16",
        words="a header folded into two lines",
        is_lax=True,
        ways=(_line(b"X-A: a\r\n b"),),
        cells=fine(hook="400/0, 204/1"),
    ),
    Fault(
        id="h17",
        words="a header's value that is not ASCII",
        ways=(_line("X-A: é".encode()), _line(b"X-A: \xe9")),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="h18",
        words="HTTP/1.0, closed after the answer",
        ways=(_line(b"X-A: b", version=b"HTTP/1.0", keeps=False),),
        cells=fine(hook="204/1"),
    ),
    Fault(
        id="h19",
        words="a header of 100 KB",
        ways=(_line(b"X-A: " + b"b" * 100_000),),
        cells=final("ResponseTooLargeError", hook="400/0, 204/1"),
    ),
    Fault(
        id="h20",
        words="1,000 headers",
        ways=(_line(b"\r\n".join([b"X-A: b"] * 1000)),),
        cells=final("ResponseTooLargeError", hook="400/0, 204/1"),
    ),
    Fault(
        id="h21",
        words="headers without end",
        ways=(endlessly(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 10),),
        cells=final("ResponseTooLargeError", hook=_BAD_REQUEST),
    ),
    Fault(
        id="h22",
        words="100 Continue before the answer",
        ways=(saying(lambda good: b"HTTP/1.1 100 Continue\r\n\r\n" + bytes(good), keeps=True),),
        cells=fine(),
    ),
    Fault(
        id="h23",
        words="50 times 103 Early Hints before the answer",
        ways=(
            saying(
                lambda good: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50 + bytes(good),
                keeps=True,
            ),
        ),
        cells=fine(),
    ),
    Fault(
        id="h24",
        words="101 Switching Protocols",
        ways=(_status(101, b"Upgrade: chat", b"Connection: Upgrade"),),
        cells=final("DecodeError"),
    ),
    Fault(
        id="h25",
        words="206 Partial Content",
        ways=(_status(206, b"Content-Range: bytes 0-9/99"),),
        cells=final("DecodeError"),
    ),
)

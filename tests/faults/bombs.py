"""Bodies of 1 MB that become 1 GiB."""

from __future__ import annotations

import functools
import itertools
import zlib
from typing import Final

from .server import CHUNKED, Answer, chunk

_MIB: Final = 1024 * 1024

_BEGINNINGS: Final = {"gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\xff", "deflate": b"\x78\x9c"}


@functools.cache
def bomb(encoding: str = "gzip") -> bytes:
    """Return a stream of 1 MB that becomes 1 GiB of spaces, and has no end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * _MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    return _BEGINNINGS[encoding] + block * 1024


BOMBS: Final = tuple(itertools.product(_BEGINNINGS, (False, True)))
"""The encoding of each bomb, and whether it comes in chunks."""


@functools.cache
def bomb_answer(encoding: str, *, chunked: bool) -> bytes:
    """Return an answer that is a bomb."""
    body = bomb(encoding)
    answer, name = Answer(body=body), b"Content-Encoding: " + encoding.encode()
    if not chunked:
        return answer.head(answer.length, name) + body
    pieces = (body[at : at + 65536] for at in range(0, len(body), 65536))
    return answer.head(CHUNKED, name) + b"".join(map(chunk, pieces))

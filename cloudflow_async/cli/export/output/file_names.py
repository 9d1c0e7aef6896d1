"""File names for pipeline ids, valid on every file system."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

_LONGEST: Final = 150
"""Characters that are kept of a long id: file systems take 255 bytes, suffixes included."""

_RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)
"""What Windows takes for a device, whatever the suffix."""


def file_names(ids: Sequence[str]) -> dict[str, str]:
    """Return a file name, without suffix, for each id; no two are the same on any file system.

    An id of letters, digits, ``_``, ``-`` and ``.`` is its own name.  Other characters are written
    as in a URL.  Where that is too long, reserved, or differs from another only in case, a part of
    the id's SHA-256 follows after a ``~``, which no other name contains.
    """
    plain = {each: _escaped(each) for each in ids}
    folded = Counter(name.casefold() for name in plain.values())
    return {
        each: name if _is_usable(name) and folded[name.casefold()] == 1 else _marked(each, name)
        for each, name in plain.items()
    }


def _escaped(id: str) -> str:
    # quote() leaves two alone that have a meaning: here, and at the beginning of a name.
    text = quote(id, safe="", errors="surrogatepass").replace("~", "%7E")
    return f"%2E{text[1:]}" if text.startswith(".") else text


def _is_usable(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and name.casefold().partition(".")[0] not in _RESERVED


def _marked(id: str, name: str) -> str:
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[:_LONGEST]}~{digest[:16]}"

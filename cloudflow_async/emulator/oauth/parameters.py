"""Read the parameters of the authorization server's endpoints, and refuse what is ambiguous."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qsl

_FORM = "application/x-www-form-urlencoded"
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST = 100


class Parameters:
    """Names and values, each name at most once.

    A parameter without a value counts as left out (RFC 6749, section 3.1).
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        names_and_values = list(pairs)
        counts = Counter(name for name, _ in names_and_values)
        self.repeated: tuple[str, ...] = tuple(name for name in counts if counts[name] > 1)
        """Names that stand there more than once: which value is meant, nobody knows."""

        self._values = {name: value for name, value in names_and_values if value}

    def get(self, name: str) -> str | None:
        """Return a value; None: left out, empty, or there more than once."""
        return None if name in self.repeated else self._values.get(name)


def read_form(body: bytes, content_type: str | None) -> Parameters:
    """Return the parameters of a form that was sent as a body.

    Raises:
        ValueError: Not a form, or with characters that are not UTF-8.
    """
    if (content_type or "").partition(";")[0].strip().lower() != _FORM:
        raise ValueError(f"the content type must be {_FORM}")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise ValueError("the body is not a form in UTF-8") from None
    if _BROKEN_ESCAPE.search(text):
        raise ValueError("the body has a percent sign without two digits after it")
    return Parameters(pairs)

"""A string whose value is hidden in `repr`."""

from __future__ import annotations

import hmac
from typing import NoReturn

_SHOWN = 4
_SHORTEST_SHOWN = 16


class Secret:  # noqa: PLW1641 - a hash in a log would help to guess it
    """A credential: neither printed nor pickled; `reveal()` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        shown = self._text[-_SHOWN:] if len(self._text) >= _SHORTEST_SHOWN else ""
        return f"***{shown}"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self), _bytes(other))

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential cannot be pickled; make it anew where it is needed.")


def _bytes(secret: Secret) -> bytes:
    # An error of the encoding would carry the text, so none may be raised.
    return secret.reveal().encode("utf-8", "surrogatepass")

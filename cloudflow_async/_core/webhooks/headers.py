"""The headers of a delivery: each one once, in printable ASCII, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from cloudflow_async._core.errors import InvalidArgumentError, WebhookVerificationError
from cloudflow_async._core.public import public

WebhookHeaders: TypeAlias = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]
"""Headers as frameworks have them: a dict, a multidict, or pairs, such as ASGI's of bytes."""


@public("cloudflow_async")
class DeliveryHeaders:
    """The headers of one delivery, whatever the case of their names.

    Args:
        headers: As they came.  Repeated headers are seen only where a multidict or pairs keep
            them apart.

    Raises:
        InvalidArgumentError: They are neither a mapping nor pairs.
    """

    __slots__ = ("_repeated", "_values")

    def __init__(self, headers: WebhookHeaders) -> None:
        self._values: dict[str, object] = {}
        self._repeated: set[str] = set()
        if not self._gather(headers):
            raise InvalidArgumentError(
                f"headers is a mapping or pairs of name and value, not {type(headers).__name__}."
            )

    def _gather(self, headers: Any) -> bool:
        values = self._values
        try:
            for name, value in headers.items() if hasattr(headers, "items") else headers:
                key = (name if isinstance(name, str) else _text(name)).lower()
                if key in values:
                    self._repeated.add(key)
                values[key] = value
        except (TypeError, ValueError):
            return False
        return True

    def one(self, name: str) -> str:
        """Return the value of a header.

        Args:
            name: Its name in lower case.

        Raises:
            WebhookVerificationError: It is missing, repeated, empty or not printable ASCII.
        """
        text = _text(self._values.get(name))
        if text and text.isascii() and text.isprintable() and name not in self._repeated:
            return text
        raise WebhookVerificationError(f"The header {name} is {self._problem(name)}.")

    def _problem(self, name: str) -> str:
        if name not in self._values:
            return "missing"
        return "repeated" if name in self._repeated else "empty or not printable ASCII"


def _text(value: object) -> str:
    """Return text or bytes as text, and of anything else the empty text, which none may be."""
    if isinstance(value, str):
        return value
    return value.decode("latin-1") if isinstance(value, bytes) else ""

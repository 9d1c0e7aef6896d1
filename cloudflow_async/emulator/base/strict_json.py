"""Read a JSON request body, and refuse what is JSON only by courtesy of the decoder."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects that is accepted."""


def read_json(body: bytes) -> Any:
    """Return the value in a body; of duplicate names in an object the last one wins.

    Raises:
        ValueError: Not UTF-8, not JSON, NaN or Infinity, a number beyond the range of a double,
            or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _depth(value) > MAX_DEPTH:
        raise ValueError("nested too deeply")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("number out of range")
    return number


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [child for item in level for child in _children(item)]
    return depth


def _children(container: dict[str, Any] | list[Any]) -> list[Any]:
    return list(container.values()) if isinstance(container, dict) else container

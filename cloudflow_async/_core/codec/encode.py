"""Turn what a caller hands over into strict JSON, or say where that cannot be done.

Bodies are small, so the standard library writes them: what is sent does not depend on whether
`orjson` is installed.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final, TypeAlias

import attrs

from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.messages import UNSET, Json

from .fields import TAG, api_name, is_model, tag_of
from .timestamps import format_instant

Parents: TypeAlias = tuple[int, ...]

_MAX_DEPTH: Final = 100
_EXCERPT: Final = 40


def dumps(value: object) -> bytes:
    """Return a body: the JSON of `encode`, compact, in UTF-8.

    Raises:
        InvalidArgumentError: The value cannot be JSON; the message says where.
    """
    plain = encode(value)
    try:
        return _dump(plain, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair has no UTF-8, but it has an escape.
        return _dump(plain, ensure_ascii=True).encode()


def _dump(plain: Json, *, ensure_ascii: bool) -> str:
    return json.dumps(plain, ensure_ascii=ensure_ascii, allow_nan=False, separators=(",", ":"))


def encode(value: object) -> Json:
    """Return a value as plain JSON values.

    Models take their API form: absent fields (None, `UNSET`) are left out and `extra` is merged
    back.  In dictionaries None becomes null and keys with `UNSET` are left out.  Aware
    datetimes become ISO 8601 in UTC, enumerations their values, tuples arrays.

    Raises:
        InvalidArgumentError: NaN, Infinity, an integer beyond a double (about 1.8e308), a naive
            datetime, a key that is no string, a value that contains itself or is nested deeper
            than 100 levels, or another type; the message names the path, such as
            ``steps[0].filters``.
    """
    return _encode(value, "", ())


def _encode(value: Any, path: str, parents: Parents) -> Json:
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value, path, parents)
    if is_model(type(value)):
        return _object(_api_form(value), path, parents)
    raise _refusal(path, f"{type(value).__name__} has no JSON form")


def _refusal(path: str, problem: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{path}: {problem}" if path else problem)


def _as_it_is(value: bool | None, _path: str, _parents: Parents) -> Json:  # noqa: FBT001 - JSON
    return value


def _text(value: str, _path: str, _parents: Parents) -> Json:
    return str.__str__(value)


def _integer(value: int, path: str, _parents: Parents) -> Json:
    try:
        float(value)  # the bound of `json.loads`, so that every value that was read can be sent
    except OverflowError:
        problem = "an integer beyond a double (about 1.8e308); send it as a string"
    else:
        return int(value)
    raise _refusal(path, problem)


def _number(value: float, path: str, _parents: Parents) -> Json:
    if not isfinite(value):
        raise _refusal(path, f"{value} is no JSON number")
    return float(value)


def _enumeration(value: enum.Enum, path: str, parents: Parents) -> Json:
    if value is UNSET:
        raise _refusal(path, "UNSET leaves out a field and cannot stand for anything else")
    return _encode(value.value, path, parents)


def _instant(value: datetime, path: str, _parents: Parents) -> Json:
    try:
        return format_instant(value)
    except InvalidArgumentError as error:
        problem = error.message
    raise _refusal(path, problem)


def _array(value: list[Any] | tuple[Any, ...], path: str, parents: Parents) -> Json:
    parents = _below(value, path, parents)
    return [_encode(item, f"{path}[{place}]", parents) for place, item in enumerate(value)]


def _object(value: Mapping[Any, Any], path: str, parents: Parents) -> Json:
    parents = _below(value, path, parents)
    return {
        _key(key, path): _encode(item, _joined(path, key), parents)
        for key, item in value.items()
        if item is not UNSET
    }


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise _refusal(path, f"the key {ascii(key)[:_EXCERPT]} is no string")
    return str.__str__(key)


def _joined(path: str, key: object) -> str:
    if not (isinstance(key, str) and key.isidentifier()):
        return f"{path}[{ascii(key)[:_EXCERPT]}]"
    return f"{path}.{key}" if path else str.__str__(key)


def _below(container: object, path: str, parents: Parents) -> Parents:
    if id(container) in parents:
        raise _refusal(path, "it contains itself")
    if len(parents) >= _MAX_DEPTH:
        raise _refusal(f"{path[:_EXCERPT]}...", f"nested deeper than {_MAX_DEPTH} levels")
    return (*parents, id(container))


def _api_form(model: Any) -> dict[str, object]:
    """Return a model's fields under the API's names, values as they are."""
    cls = type(model)
    tag = tag_of(cls)
    form: dict[str, object] = {} if tag is None else {TAG: tag}
    for field in attrs.fields(cls):
        value = getattr(model, field.name)
        if value is not None and field.name != "extra":
            form[api_name(field)] = value
    # The documented fields come first, and win.
    return {**form, **model.extra, **form}


# In this order: a StrEnum is a str, a bool an int.
_WRITERS: Final[list[tuple[Any, Callable[[Any, str, Parents], Json]]]] = [
    (enum.Enum, _enumeration),
    (bool | None, _as_it_is),
    (str, _text),
    (int, _integer),
    (float, _number),
    (datetime, _instant),
    (Mapping, _object),
    (list | tuple, _array),
]

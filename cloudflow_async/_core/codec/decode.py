"""From JSON to the API's data classes and back: the one cattrs converter.

What is read by which hook is decided here; how a hook reads is in `columns`.  Types are
checked and never guessed: a bool is no int, ``"5"`` is not 5, null needs ``| None``.  Only
numbers meet half way: an int where a float is declared, and 3.0 where an int is.
"""

from __future__ import annotations

import enum
import functools
import operator
import types
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, Union, get_args, get_origin

from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Json

from .columns import (
    ABSENT,
    Hook,
    Mismatch,
    array,
    instant,
    model,
    open_enum,
    scalar,
    tagged,
    text,
    unless,
)
from .encode import dumps, encode
from .fields import is_model, tag_of

if TYPE_CHECKING:
    import cattrs

__all__ = ["decode", "decode_list", "dumps", "encode"]

T = TypeVar("T")

_EXCERPT: Final = 40
_EXACT: Final = 2**53  # beyond it a double skips integers
_HUGE: Final = 10**_EXCERPT
_CONSTANTS: Final[dict[object, str]] = {None: "null", True: "true", False: "false"}


def decode(cls: type[T], value: Json, path: str = "") -> T:
    """Return an instance of a model from the JSON of an answer.

    Args:
        cls: The model.
        value: What `json.loads` returned.
        path: Where in the answer the value was; begins the path in errors.

    Raises:
        DecodeError: A field is missing or of another type; `path` says which.
    """
    try:
        instance: T = _hook(cls)(value)
    except Mismatch as mismatch:
        error = _decode_error(path, mismatch)
    else:
        return instance
    # Those who record tracebacks with local variables find no secret of an answer here.
    del value
    raise error


def prepare() -> None:
    """Load what decoding needs, which takes some milliseconds, before an event loop waits."""
    _converter()


def decode_list(cls: type[T], rows: Json, path: str = "data") -> list[T]:
    """Return instances of a model from an array of an answer, in order.

    Raises:
        DecodeError: It is not an array, or a field is missing or of another type; `path` is
            such as ``data[3].created_at``.
    """
    if not isinstance(rows, list):
        raise _decode_error(path, Mismatch(0, "an array", rows))
    try:
        return [*_hook(cls).read(rows)]
    except Mismatch as mismatch:
        problem = mismatch
    raise _decode_error(f"{path}[{problem.index}]", problem)


def _decode_error(path: str, mismatch: Mismatch) -> DecodeError:
    path = (path + mismatch.path).lstrip(".") or "$"
    if mismatch.found is ABSENT:
        return DecodeError(f"{path} is missing", path=path)
    found = _excerpt(mismatch.found)
    return DecodeError(f"{path}: expected {mismatch.expected}, got {found}", path=path)


def _excerpt(found: Any) -> str:
    """Show a value in JSON's words, short and escaped; of objects and arrays only the size."""
    if isinstance(found, dict | list):
        kind = "an object" if isinstance(found, dict) else "an array"
        return f"{kind} of {len(found)}"
    if isinstance(found, str):
        return ascii(found[:_EXCERPT]) + ("..." if len(found) > _EXCERPT else "")
    if found is None or isinstance(found, bool):
        return _CONSTANTS[found]
    return repr(found) if isinstance(found, float) or abs(found) < _HUGE else "a huge number"


def _whole(value: float) -> int:
    if not value.is_integer() or abs(value) > _EXACT:
        raise ValueError(value)
    return int(value)


_KINDS: Final[dict[Any, Hook]] = {
    str: text("a string"),
    bool: scalar("true or false", {bool: None}),
    int: scalar("a whole number", {int: None, float: _whole}),
    float: scalar("a number", {float: None, int: float}),
    datetime: instant("an RFC 3339 time, such as 2026-01-15T10:30:00Z"),
}
_JSON: Final = scalar(
    "any JSON value", dict.fromkeys((dict, list, str, int, float, bool, types.NoneType))
)


def _is_mapping(cls: Any) -> bool:
    return get_origin(cls) is Mapping


def _is_array(cls: Any) -> bool:
    return get_origin(cls) is tuple and get_args(cls)[1:] == (Ellipsis,)


def _is_union(cls: Any) -> bool:
    return get_origin(cls) in (Union, types.UnionType)


def _is_json(cls: Any) -> bool:
    # `Json` as a field's type: no other union has objects of no model in it.
    return _is_union(cls) and any(get_origin(member) is dict for member in get_args(cls))


def _mapping_hook(_cls: Any) -> Hook:
    return scalar("an object", {dict: None})


def _json_hook(_cls: Any) -> Hook:
    return _JSON


def _array_hook(cls: Any) -> Hook:
    return array(_hook(get_args(cls)[0]))


def _model_hook(cls: Any) -> Hook:
    return model(cls, _hook)


def _union_hook(cls: Any) -> Hook:
    """Make the hook of ``X | None``, of an open enumeration or of models told by ``type``."""
    members = get_args(cls)
    if types.NoneType in members:
        rest = [member for member in members if member is not types.NoneType]
        return unless(None, _hook(functools.reduce(operator.or_, rest)), None)
    enumerations = [member for member in members if issubclass(member, enum.StrEnum)]
    if enumerations:
        return open_enum(enumerations[0])
    known = {tag: _hook(member) for member in members if (tag := tag_of(member))}
    (other,) = [_hook(member) for member in members if not tag_of(member)]
    return tagged(known, other)


def _hook(cls: Any) -> Hook:
    hook = _converter().get_structure_hook(cls)
    if not isinstance(hook, Hook):
        raise TypeError(f"no hook reads a column of {cls}")
    return hook


@functools.cache
def _converter() -> cattrs.Converter:
    # An eighth of the time that importing this package would take, and of no use before the
    # first client is made.
    import cattrs  # noqa: PLC0415 - see above

    converter = cattrs.Converter()
    for kind, hook in _KINDS.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_factory(_is_mapping, _mapping_hook)
    converter.register_structure_hook_factory(_is_array, _array_hook)
    converter.register_structure_hook_factory(_is_union, _union_hook)
    converter.register_structure_hook_factory(_is_json, _json_hook)
    converter.register_structure_hook_factory(is_model, _model_hook)
    converter.register_unstructure_hook_func(is_model, encode)
    return converter

r"""Read the bytes of an answer as strict JSON.

`orjson` is used where it is installed (extra ``speed``).  Whatever it refuses is read again by
the standard library, which has the last word and words the error: both give the same values
and refuse the same bodies.  Stricter than `json.loads`: NaN, Infinity and numbers beyond a
double are refused, and so is any encoding but UTF-8.  Of duplicate keys the last one wins, and
a lone surrogate (``"\ud800"``) is kept.

A number without fraction and exponent is an int, exactly as it was written.  `orjson` would make
a float of an integer beyond 64 bits (18446744073709551616 became 1.8446744073709552e+19), so
bodies that may have such a number are read by the standard library.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from math import isinf
from typing import Any, Final, NoReturn

from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Json

_quick: Callable[[bytes], Any] | None
try:
    from orjson import loads as _quick
except ModuleNotFoundError:
    _quick = None

_MAX_DEPTH: Final = 1024  # orjson's own
_SAFE_DIGITS: Final = 308  # as many, sign included, are always less than a double's most

# Integers beyond 64 bits have 20 digits, or a sign and 19.
_DIGITS: Final = bytes(ord("0") if chr(at) in "-0123456789" else ord(" ") for at in range(256))
_WIDE: Final = b"0" * 20
_STRIDE: Final = 4
_WIDE_SAMPLE: Final = b"0" * (20 // _STRIDE)
_EXCERPT: Final = 40
_BEGINS_JSON: Final = b'{["-0123456789tfnNI'


def loads(body: bytes) -> Json:
    """Return the value that a body holds.

    Nesting deeper than 1024 levels is refused; by the standard library on Python 3.11
    possibly from about 900 on, where the interpreter's recursion limit comes first.

    Raises:
        DecodeError: It is not strict JSON.  `path` is None; `retryable` is True for what damage
            on the way can cause (empty, cut, trailing data, any error of syntax, bad UTF-8)
            and False for what the server must have meant (NaN, a number beyond a double,
            nesting, another encoding).
    """
    if _quick is not None and not _may_have_wide_integers(body):
        try:
            return _quick(body)  # type: ignore[no-any-return]
        except ValueError:
            pass
    try:
        return _read(body)
    except DecodeError as error:
        refusal = error.with_traceback(None)
    # Those who record tracebacks with local variables find no secret of a body here.
    del body
    raise refusal


def _read(body: bytes) -> Json:
    text = _text(body)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg}: line {error.lineno} column {error.colno}"
        retryable = True
    except RecursionError:
        problem, retryable = "it is nested too deeply", False
    else:
        if _may_be_deep(body) and _is_too_deep(value):
            raise _refusal(f"it is nested deeper than {_MAX_DEPTH} levels")
        return value  # type: ignore[no-any-return]
    # Raised here, outside the handlers, because the errors above hold the whole body.
    raise _refusal(problem + _beginning(body), retryable=retryable)


def _text(body: bytes) -> str:
    if not body:
        raise _refusal("it is empty", retryable=True)
    # JSON has no NUL outside of escapes: one at the beginning means UTF-16 or UTF-32.
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\x00" in body[:2]:
        raise _refusal("it is not plain UTF-8: it has a byte order mark or is UTF-16 or UTF-32")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        at = error.start
    raise _refusal(f"bad UTF-8 at byte {at}", retryable=True)


def _beginning(body: bytes) -> str:
    """Show how a body begins that is no JSON from its first character on, such as HTML."""
    start = body.lstrip()[:_EXCERPT]
    if not start or start[:1] in _BEGINS_JSON:
        return ""
    return f"; it begins with {start.decode(errors='replace')!a}"


def _refusal(problem: str, *, retryable: bool = False) -> DecodeError:
    return DecodeError(f"the answer is not JSON: {problem}", retryable=retryable)


def _constant(name: str) -> NoReturn:
    raise _refusal(f"{name} is no JSON number")


def _float(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _refusal(f"the number {text[:_EXCERPT]} is beyond a double")
    return value


def _int(text: str) -> int:
    if len(text) > _SAFE_DIGITS:
        # Refused before int(), which has an error of its own for thousands of digits.
        _float(text)
    return int(text)


def _may_have_wide_integers(body: bytes) -> bool:
    """Tell whether there are 20 digits and signs in a row.

    Every fourth byte is looked at first, which takes half the time and mostly suffices.
    """
    if _WIDE_SAMPLE not in body[::_STRIDE].translate(_DIGITS):
        return False
    return _WIDE in body.translate(_DIGITS)


def _may_be_deep(body: bytes) -> bool:
    return body.count(b"[") + body.count(b"{") > _MAX_DEPTH


def _is_too_deep(value: Json) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [item for container in level for item in _items(container) if _is_container(item)]
    return bool(level)


def _items(container: Any) -> Iterable[Json]:
    return container.values() if isinstance(container, dict) else container


def _is_container(value: Json) -> bool:
    return isinstance(value, dict | list)


_DECODER: Final = json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=_int)

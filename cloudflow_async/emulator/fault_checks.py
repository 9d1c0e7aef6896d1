"""What cannot have been meant by a fault, and what to do instead."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from .faults import Fault

Mistakes: TypeAlias = Iterable[tuple[bool, str]]
"""Whether it was made, and what to do instead."""

Kinds: TypeAlias = tuple[type, ...]

_KINDS: Final[Mapping[str, Kinds]] = {
    "method": (str, NoneType),
    "route": (str, NoneType),
    "nth": (int, NoneType),
    "times": (int, NoneType),
    "probability": (int, float),
    "status": (int, NoneType),
    "processed": (bool,),
    "body": (str, bytes),
    "code": (str, NoneType),
    "message": (str, NoneType),
    "retry_after": (int, float, str, NoneType),
    "rate_limit_headers": (bool,),
    "delay": (int, float),
    "truncate": (int, NoneType),
    "reset": (bool,),
    "raw": (bytes, NoneType),
    "piece_size": (int, NoneType),
    "bandwidth": (int, float, NoneType),
}
_OF_ANSWERS: Final = "status, truncate, headers, rate_limit_headers"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def check_fault(fault: Fault) -> None:
    """Refuse what cannot have been meant.

    Raises:
        ValueError: It says what to do instead.
    """
    for find in (_kinds, _targets, _numbers, _answers, _endings):
        for wrong, advice in find(fault):
            if wrong:
                raise ValueError(advice)


def misfits(owner: object, kinds: Mapping[str, Kinds]) -> Mistakes:
    """Return which attributes are of none of their types; NoneType is one like others."""
    for name, allowed in kinds.items():
        value = getattr(owner, name)
        # To isinstance() a bool is an int.
        fits = isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool))
        words = " or ".join(kind.__name__ for kind in allowed if kind is not NoneType)
        yield not fits, f"{name} must be {words}, not {type(value).__name__}"


def _kinds(fault: Fault) -> Mistakes:
    yield from misfits(fault, _KINDS)
    yield fault.drop not in (None, "before", "after"), "drop must be 'before' or 'after'"
    yield not _can_stall(fault.stall), "stall must be 'before', 'after' or 0 bytes or more"
    yield (
        not (fault.before is None or callable(fault.before)),
        "before must be a function that takes the emulator",
    )
    headers: object = fault.headers
    yield (
        not (isinstance(headers, tuple) and all(map(_is_header, headers))),
        "headers must be names with values as in HTTP; other bytes can be sent as raw",
    )


def _can_stall(stall: object) -> bool:
    if isinstance(stall, int) and not isinstance(stall, bool):
        return stall >= 0
    return stall in (None, "before", "after")


def _is_header(pair: object) -> bool:
    match pair:
        case (str(name), str(value)):
            return bool(_HEADER_NAME.fullmatch(name)) and not _CONTROL.search(value)
    return False


def _targets(fault: Fault) -> Mistakes:
    yield fault.nth is not None and fault.nth < 1, "nth counts from 1, the next request"
    yield fault.times is not None and fault.times < 1, "times must be at least 1, or None for all"
    yield not 0 < fault.probability <= 1, "probability must be above 0 and at most 1"
    relative = fault.route is None or fault.route.startswith("/")
    yield not relative, "route must begin with a slash, as in /workflows/{workflow_id}"


def _numbers(fault: Fault) -> Mistakes:
    finite = math.isfinite(fault.delay) and fault.delay >= 0
    yield not finite, "delay must be seconds, 0 or more"
    yield fault.truncate is not None and fault.truncate < 0, "truncate must be 0 bytes or more"
    valid = fault.status is None or 200 <= fault.status <= 599
    yield not valid, "status must be between 200 and 599"
    yield fault.piece_size is not None and fault.piece_size < 1, "piece_size must be 1 or more"
    fast = fault.bandwidth is None or (math.isfinite(fault.bandwidth) and fault.bandwidth > 0)
    yield not fast, "bandwidth must be bytes per second, more than 0"


def _answers(fault: Fault) -> Mistakes:
    in_envelope = any(item is not None for item in (fault.code, fault.message, fault.retry_after))
    yield _is_harmless(fault), "the fault has no effect: give it a status, delay, drop, ..."
    yield (
        fault.status is None and (in_envelope or fault.body != "json"),
        "body, code, message and retry_after need a status to go with",
    )
    yield (
        fault.processed and fault.status is None and fault.raw is None,
        "processed needs a status or raw bytes to go with",
    )
    yield in_envelope and fault.body != "json", "code, message, retry_after need body='json'"
    yield (
        fault.status is not None and fault.status < 400 and fault.body == "json",
        "body='json' is an error: give a status of 400 or more, or the body as bytes or str",
    )


def _endings(fault: Fault) -> Mistakes:
    answered = fault.status is not None or fault.truncate is not None
    altered = bool(fault.headers) or not fault.rate_limit_headers
    paced = fault.piece_size is not None or fault.bandwidth is not None
    mute = "stall" if fault.drop is None else "drop"
    yield (
        fault.is_mute and (answered or altered or paced or fault.raw is not None),
        f"{mute} sends no answer: leave out {_OF_ANSWERS}, raw, piece_size and bandwidth",
    )
    yield (
        fault.raw is not None and (answered or altered),
        f"raw is all that is sent: leave out {_OF_ANSWERS}",
    )
    yield (
        fault.stall is not None and (fault.drop is not None or fault.truncate is not None),
        "stall leaves the connection open: leave out drop and truncate",
    )
    ended = any(end is not None for end in (fault.drop, fault.truncate, fault.raw))
    yield (
        fault.reset and (fault.stall is not None or not ended),
        "reset is an end of the connection: give it drop, truncate or raw, and no stall",
    )


def _is_harmless(fault: Fault) -> bool:
    effects = (fault.status, fault.raw, fault.drop, fault.stall, fault.truncate, fault.before)
    pace = (fault.piece_size, fault.bandwidth)
    silent = all(effect is None for effect in effects + pace) and not fault.delay
    return silent and not fault.headers and fault.rate_limit_headers and not fault.reset

"""Every field of every sample, gone or of another type: one at a time, none left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from cloudflow_async._core.codec.decode import decode, decode_list, encode
from cloudflow_async._core.errors import DecodeError

from .decoding import MODELS
from .mutating import copied

_GONE = object()
_OTHERS: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2.5,
    2**64 - 1,
    1e300,
    "",
    "x",
    "\ud800",
    [],
    [1],
    {},
    {"type": 5},
)

_IDENTIFIED = [
    (cls, sample)
    for cls, sample in MODELS
    if (field := attrs.fields_dict(cls).get("id")) and field.default is attrs.NOTHING
]

Path = tuple[str | int, ...]


def _name(cls: type[Any]) -> str:
    return f"{cls.__module__}.{cls.__name__}"


def paths_in(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where all fields and rows of a document are."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*path, key)
            yield from paths_in(item, (*path, key))


def changed(sample: Any, path: Path, value: object) -> Any:
    """Return a document with another value at a place, or none."""
    document = copied(sample)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is _GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def dotted(path: Path) -> str:
    """Return a path as errors show it."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


@pytest.mark.parametrize(("cls", "sample"), MODELS, ids=[_name(cls) for cls, _ in MODELS])
def test_a_field_that_is_odd_is_read_or_named(cls: type[Any], sample: Any) -> None:
    """A model, or an error with the path of that field or of one in it."""
    for path in paths_in(sample):
        for value in (_GONE, *_OTHERS):
            try:
                model = decode(cls, changed(sample, path, value))
            except DecodeError as error:
                assert error.path is not None  # noqa: PT017 - either way is right
                assert error.path.startswith(dotted(path))  # noqa: PT017
            else:
                assert model == decode(cls, encode(model))


@pytest.mark.parametrize(("cls", "sample"), _IDENTIFIED, ids=[_name(cls) for cls, _ in _IDENTIFIED])
def test_a_row_without_an_id_is_named(cls: type[Any], sample: Any) -> None:
    """By its place in the list."""
    rows = [sample] * 3 + [changed(sample, ("id",), _GONE)]
    with pytest.raises(DecodeError) as caught:
        decode_list(cls, rows)

    assert "data[3].id" == caught.value.path

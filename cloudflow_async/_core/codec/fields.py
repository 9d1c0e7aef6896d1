"""How a model declares its fields: what the codec has to know beside names and types.

A model is an attrs class, ``@attrs.frozen(kw_only=True, weakref_slot=False)``, whose field
`extra` keeps what the API document does not show.  A class attribute
``type: ClassVar[Literal["webhook"]]`` is the fixed ``type`` of its objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import attrs

from cloudflow_async._core.messages import Json

TAG: Final = "type"
"""The key that tells the members of a union apart."""


def _refuse(*_args: object, **_names: object) -> NoReturn:
    raise TypeError("`extra` is what came; it cannot be changed.")


_changing: Any = _refuse


def fields_of(cls: type[Any]) -> Sequence[attrs.Attribute[Any]]:
    """Return the fields of an attrs class, with types instead of their names.

    `Json` contains itself by name.  A subclass in another module need not import that name.
    """
    fields: Sequence[attrs.Attribute[Any]] = attrs.fields(
        attrs.resolve_types(cls, localns={"Json": Json})
    )
    return fields


class _NoFields(dict[str, Json]):
    """The type of `NO_FIELDS`; pickles name the package, not this file."""

    __slots__ = ()
    __module__ = "cloudflow_async"

    def __reduce__(self) -> str:
        return "_NO_FIELDS"

    __setitem__ = __delitem__ = __ior__ = _changing
    clear = pop = popitem = setdefault = update = _changing


NO_FIELDS: Final[Mapping[str, Json]] = _NoFields()
"""The `extra` of all objects without unknown fields.

A dictionary of its own would be a fifth of what an object takes in memory.
"""

_NAME: Final = "api_name"
_DROPPED: Final = "dropped_names"


def named(name: str) -> dict[str, str]:
    """Return the metadata of a field that the API calls otherwise."""
    return {_NAME: name}


def unknown_fields(*, without: Sequence[str] = ()) -> Mapping[str, Json]:
    """Declare `extra`: the fields that came and are not documented, by their API name.

    It counts in comparisons, but not in hashes: a dictionary has none.

    Args:
        without: Names of fields that are not kept at all, such as a secret.
    """
    field: Mapping[str, Json] = attrs.field(
        default=NO_FIELDS, converter=_own, hash=False, metadata={_DROPPED: frozenset(without)}
    )
    return field


def _own(extra: Mapping[str, Json]) -> Mapping[str, Json]:
    return dict(extra) if extra else NO_FIELDS


def is_model(cls: Any) -> bool:
    """Tell whether a class is a model."""
    return isinstance(cls, type) and attrs.has(cls) and "extra" in attrs.fields_dict(cls)


def api_name(field: attrs.Attribute[Any]) -> str:
    """Return the API's name of a field."""
    name: str = field.metadata.get(_NAME, field.name)
    return name


def dropped_names(cls: type[Any]) -> frozenset[str]:
    """Return the names of the fields that a model does not keep."""
    names: frozenset[str] = attrs.fields_dict(cls)["extra"].metadata.get(_DROPPED, frozenset())
    return names


def tag_of(cls: type[Any]) -> str | None:
    """Return the one ``type`` of a model's objects; None when it has none of its own."""
    tag = getattr(cls, TAG, None)
    return tag if isinstance(tag, str) else None

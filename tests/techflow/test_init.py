"""What a user of TechFlow can name: sorted, complete and documented."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from cloudflow_async import techflow


def test_all_is_sorted_and_complete() -> None:
    """Every public name that is gathered is listed once, in the order of its characters."""
    gathered = {
        name
        for name, value in vars(techflow).items()
        if not (name.startswith("_") or isinstance(value, ModuleType))
    }

    assert sorted(gathered) == techflow.__all__


@pytest.mark.parametrize("name", techflow.__all__)
def test_what_is_public_is_documented(name: str) -> None:
    """Classes and functions say what they are for, and so do the members of classes."""
    thing = getattr(techflow, name)
    members = vars(thing).items() if inspect.isclass(thing) else ()

    assert inspect.getdoc(thing)
    assert [] == [
        member
        for member, value in members
        if not member.startswith("_")
        and (inspect.isroutine(value) or isinstance(value, property | classmethod))
        and not inspect.getdoc(getattr(thing, member))
    ]

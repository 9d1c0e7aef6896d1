"""The faults on duty, and which requests they hit."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from cloudflow_async.emulator.base.seeded_random import seeded

from .faults import Fault


@attrs.define
class _Injected:
    """A fault on duty, with the requests that it has seen and hit so far."""

    fault: Fault
    seen: int = 0
    hits: int = 0


class FaultPlan:
    """The faults of one emulator, in the order in which they were injected."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.clear()

    def clear(self) -> None:
        """Forget all faults, and begin again at the seed."""
        self._injected: list[_Injected] = []
        self._chance = seeded(self._seed, "faults")

    def add(self, fault: Fault) -> None:
        """Put a fault on duty, after those that are."""
        self._injected.append(_Injected(fault))

    def choose(self, method: str, paths: Iterable[str | None]) -> Fault | None:
        """Return the fault that hits this request, and count the hit.

        Args:
            method: Upper case.
            paths: The names under which a fault can mean it: template and concrete path.
        """
        names = {None, *paths}
        matching = [one for one in self._injected if _matches(one.fault, method, names)]
        for one in matching:
            one.seen += 1
        for one in matching:
            if self._fires(one):
                one.hits += 1
                return one.fault
        return None

    def _fires(self, one: _Injected) -> bool:
        fault = one.fault
        if fault.times is not None and one.hits >= fault.times:
            return False
        if fault.nth is not None and one.seen < fault.nth:
            return False
        return fault.probability == 1.0 or self._chance.random() < fault.probability


def _matches(fault: Fault, method: str, names: set[str | None]) -> bool:
    return fault.method in (None, method) and fault.route in names

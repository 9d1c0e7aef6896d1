"""What goes wrong with deliveries, on order: copies, and answers that get lost."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Final

import attrs

from cloudflow_async.emulator.faults.kinds import Kinds, misfits

_KINDS: Final[Mapping[str, Kinds]] = {
    "event": (str, NoneType),
    "times": (int, NoneType),
    "copies": (int,),
    "lose_answers": (int,),
}


@attrs.frozen(kw_only=True)
class DeliveryFault:
    """Something that goes wrong with some deliveries; inject it with `Emulator.inject()`.

    A delivery is hit when its event happens.  Of several faults the first injected that hits wins.

    Raises:
        ValueError: No effect, or figures that mean nothing.
    """

    event: str | None = None
    """Event to hit, such as `workflow.completed`; None: every event."""

    times: int | None = 1
    """How many deliveries to hit; None: all that match."""

    copies: int = 1
    """How often it is sent at once, each time with the same `webhook-id`."""

    lose_answers: int = 0
    """How many of its attempts, from the first on, are treated as if no answer had come: the
    receiver has done its work, and gets the delivery again."""

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot have been meant."""
        for wrong, advice in misfits(self, _KINDS):
            if wrong:
                raise ValueError(advice)
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1, or None for all")
        if self.copies < 1 or self.lose_answers < 0:
            raise ValueError("copies must be 1 or more, and lose_answers 0 or more")
        if (self.copies, self.lose_answers) == (1, 0):
            raise ValueError("the fault has no effect: give it copies or lose_answers")


@attrs.define
class _Injected:
    """A fault on duty, with the deliveries that it has hit so far."""

    fault: DeliveryFault
    hits: int = 0

    def hits_next(self, event: str) -> bool:
        fault = self.fault
        return fault.event in (None, event) and (fault.times is None or self.hits < fault.times)


class DeliveryFaultPlan:
    """The faults of one emulator, in the order in which they were injected."""

    def __init__(self) -> None:
        self._injected: list[_Injected] = []

    def clear(self) -> None:
        """Forget all faults."""
        self._injected = []

    def add(self, fault: DeliveryFault) -> None:
        """Put a fault on duty, after those that are."""
        self._injected.append(_Injected(fault))

    def choose(self, event: str) -> DeliveryFault | None:
        """Return the fault that hits this delivery, and count the hit."""
        for one in self._injected:
            if one.hits_next(event):
                one.hits += 1
                return one.fault
        return None

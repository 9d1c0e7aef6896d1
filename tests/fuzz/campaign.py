"""A campaign: one way to make an input, and what may become of it.

Each input follows from the seed, the name of its campaign and its number alone, so that one that
was found can be tried again by itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Literal, Self, TypeAlias

import attrs

from tests.virtual_time import DeadlockError, VirtualTimeLoop

Try: TypeAlias = Callable[[random.Random], str]
"""Makes an input, tries it and returns in a word what became of it.

What it raises has escaped; an `AssertionError` says that what came back is wrong.
"""

AsyncTry: TypeAlias = Callable[[random.Random], Awaitable[str]]
"""The same, on the loop of a virtual clock."""

Kind: TypeAlias = Literal["foreign", "hang", "wrong"]

PATIENCE: Final = 300.0
"""Virtual seconds after which an input that is tried on a loop counts as a hang."""

_CPU_SECONDS: Final = 10.0
"""Seconds of one core after which any input counts as a hang."""

_MOST_SHOWN: Final = 20


class HangError(BaseException):
    """An input takes for ever; no handler of the code that is tried shall catch it."""


@attrs.frozen
class Finding:
    """Something that must not be."""

    kind: Kind
    number: int
    """Of the input."""

    words: str


@attrs.define
class Tally:
    """What became of all inputs."""

    inputs: int = 0
    outcomes: Counter[str] = attrs.Factory(Counter)
    findings: list[Finding] = attrs.Factory(list)

    def count(self, kind: Kind) -> int:
        """Return how many inputs ended so."""
        return sum(finding.kind == kind for finding in self.findings)

    def find(self, kind: Kind, number: int, words: str) -> None:
        """Note an input."""
        self.findings.append(Finding(kind, number, words))


@attrs.frozen(kw_only=True)
class Campaign:
    """A way to make inputs, and to judge what becomes of them."""

    name: str
    words: str
    """What is tried, in a few words."""

    quick: int
    """Inputs in the suite."""

    deep: int
    """Inputs in the long run."""

    outcomes: frozenset[str]
    """What has to occur, if the inputs are any good."""

    prepare: Callable[[], AbstractContextManager[Try]] | None = None
    serve: Callable[[], AbstractAsyncContextManager[AsyncTry]] | None = None

    def run(self, count: int, *, seed: int = 0, first: int = 0) -> Tally:
        """Try so many inputs, beginning with the number `first`."""
        tally = Tally()
        numbers = range(first, first + count)
        with _alarm():
            if self.serve is not None:
                _run_on_loop(self, self.serve, numbers, seed, tally)
            elif self.prepare is not None:
                with self.prepare() as attempt:
                    for number in numbers:
                        _judge(self.name, attempt, number, seed, tally)
        return tally

    def problems(self, tally: Tally, *, seed: int = 0) -> str:
        """Return what is wrong with a run, with the command that repeats it; empty: nothing."""
        lines = [self._line(finding, seed) for finding in tally.findings[:_MOST_SHOWN]]
        missing = self.outcomes - tally.outcomes.keys()
        if missing:
            lines.append(f"{self.name}, seed {seed}: never {', '.join(sorted(missing))}")
        return "\n".join(lines)

    def _line(self, finding: Finding, seed: int) -> str:
        command = f"python -m tests.fuzz --only {self.name} --seed {seed} --first {finding.number}"
        return f"{finding.kind}: {finding.words}\n    {command} --count 1"


def chance_of(name: str, seed: int, number: int) -> random.Random:
    """Return the chance that makes one input."""
    return random.Random(f"{seed}/{name}/{number}")


def _judge(name: str, attempt: Try, number: int, seed: int, tally: Tally) -> None:
    chance = chance_of(name, seed, number)
    tally.inputs += 1
    with _Watch(tally, number):
        tally.outcomes[attempt(chance)] += 1


@attrs.frozen
class _Watch:
    """Notes what escapes from its block."""

    tally: Tally
    number: int

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, _CPU_SECONDS)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if error is None or isinstance(error, KeyboardInterrupt | SystemExit):
            return False
        self.tally.find(_kind(error), self.number, _described(error))
        return True


def _kind(error: BaseException) -> Kind:
    if isinstance(error, HangError | DeadlockError):
        return "hang"
    return "wrong" if isinstance(error, AssertionError) else "foreign"


def _described(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f" ({last.filename.rpartition('/')[2]}:{last.lineno})" if last else ""
    return f"{type(error).__name__}{where}: {error!s:.500}"


@contextmanager
def _alarm() -> Iterator[None]:
    """Raise `HangError` in what uses too much of the processor."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise HangError(f"more than {_CPU_SECONDS:g} seconds of the processor")

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _run_on_loop(
    campaign: Campaign,
    serve: Callable[[], AbstractAsyncContextManager[AsyncTry]],
    numbers: range,
    seed: int,
    tally: Tally,
) -> None:
    async def run() -> None:
        async with serve() as attempt:
            for number in numbers:
                tally.inputs += 1
                with _Watch(tally, number), _Complaints() as complaints:
                    tally.outcomes[await _in_time(attempt, campaign.name, number, seed)] += 1
                    complaints.check()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(run())


async def _in_time(attempt: AsyncTry, name: str, number: int, seed: int) -> str:
    patience = asyncio.timeout(PATIENCE)
    try:
        async with patience:
            return await attempt(chance_of(name, seed, number))
    except TimeoutError:
        if patience.expired():
            raise HangError(f"more than {PATIENCE:g} seconds") from None
        raise


class _Complaints(logging.Handler):
    """Collects what the loop, and those who log errors, complain about behind our back."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._told: list[str] = []

    def __enter__(self) -> Self:
        asyncio.get_running_loop().set_exception_handler(self._note)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *raised: object) -> None:
        asyncio.get_running_loop().set_exception_handler(None)
        logging.getLogger().removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record."""
        problem = record.exc_info[1] if record.exc_info else None
        self._told.append(f"{record.name}: {record.getMessage()} {problem!r}")

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._told.append(f"{context.get('message')} {context.get('exception')!r}")

    def check(self) -> None:
        """Fail if there was one."""
        assert not self._told, f"logged behind the back of the caller: {self._told[:3]}"

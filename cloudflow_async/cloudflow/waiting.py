"""Wait until executions have ended: one poller for all who wait for those of one pipeline.

Theory.  Each execution that somebody waits for has a time at which it is looked for next, and a
pause after that which grows.  The poller looks for all whose time has come, and for those whose
time comes soon, in one go; then it sleeps until the next.  It is a task that lives as long as
somebody waits.  What it finds, or ends with, it puts into a future that all waiters of one
execution share; it never raises into any of them.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Generic, Protocol, TypeVar

import attrs

from cloudflow_async._core.errors import (
    ClientClosedError,
    CloudFlowError,
    DeadlineExceededError,
    DecodeError,
    InvalidArgumentError,
    PaginationError,
    StatusError,
    TokenRequestError,
    TransportError,
    out_of_time,
    own,
)
from cloudflow_async._core.http.retry import NEVER_RETRIED, TRANSIENT
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async._core.support.validation import is_number

from .searching import Row, Search

T = TypeVar("T", bound=Row)

LONGEST_PAUSE = 30.0
"""Seconds, unless a waiter asks for others."""

_FIRST_PAUSE = 1.0
_GROWTH = 1.5
_JITTER = 0.25
_SOON = 0.5
"""Share of its pause that an execution may be looked for earlier, if another is anyway."""

_LONGEST_ID = 256
_ENDINGS = (".completed", ".failed")
"""API document, Webhooks: how the events end that tell of an end."""


class Event(Protocol):
    """What a delivery tells; a `WebhookEvent` is one."""

    @property
    def type(self) -> str:
        """Such as ``pipeline.completed``."""
        ...

    @property
    def data(self) -> Any:
        """A mapping."""
        ...


class Router(Protocol):
    """Hands out deliveries; a `WebhookRouter` is one."""

    def listen(
        self, types: Sequence[str], handler: Callable[[Any], Awaitable[object]], /
    ) -> Callable[[], None]:
        """Call a handler with events of some types, until what this returns is called."""
        ...


@attrs.define(eq=False)
class _Sought(Generic[T]):
    """An execution that somebody waits for."""

    id: str
    outcome: asyncio.Future[T | Exception]
    waiters: int = 0
    pause: float = math.inf
    """Seconds after the next look."""

    longest: float = math.inf
    """Seconds to which `pause` grows."""

    due_at: float = math.inf
    """On the event loop's clock; never while it is being looked for."""

    seen: bool = False


class Waits(Generic[T]):
    """The waits of one client, by pipeline.

    Args:
        chance: Returns the share of the jitter that is taken, 0 to 1.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._pollers: dict[str, _Poller[T]] = {}

    async def wait(
        self,
        pipeline_id: str,
        execution_id: str,
        open_list: Callable[..., Pages[T]],
        *,
        timeout: float | None,
        router: Router | None,
        longest_pause: float,
    ) -> T:
        """Return the row of an execution when it has ended.

        Args:
            pipeline_id: All who name the same one share a poller.
            execution_id: Which.
            open_list: Returns the pipeline's list; that of the first who waits is used for all.
            timeout: Seconds; None: as long as it takes.
            router: Tells by deliveries when to look at once.
            longest_pause: Seconds between two looks; with a router, all pauses are so long.

        Raises:
            DeadlineExceededError: `timeout` passed.
            ClientClosedError: `close` was called meanwhile.
            CloudFlowError: A look failed so that another one would fail, too.
        """
        check_wait(execution_id, timeout, longest_pause)
        poller = self._poller(pipeline_id, open_list)
        first_pause = _FIRST_PAUSE if router is None else longest_pause
        sought = poller.join(execution_id, first_pause, longest_pause)
        try:
            with _listening(router, execution_id, lambda: poller.hurry(sought)):
                await asyncio.wait([sought.outcome], timeout=timeout)
            if not sought.outcome.done():
                raise poller.too_late(sought, timeout or 0.0)
            return _result(sought.outcome.result())
        finally:
            if poller.leave(sought):
                self._forget(pipeline_id, poller)
                await poller.end()

    def close(self) -> None:
        """End all waits on the running event loop at once, with `ClientClosedError`."""
        loop = asyncio.get_running_loop()
        for pipeline_id, poller in list(self._pollers.items()):
            if poller.loop is loop:
                self._forget(pipeline_id, poller)
                poller.close("the client was closed meanwhile")

    def _poller(self, pipeline_id: str, open_list: Callable[..., Pages[T]]) -> _Poller[T]:
        found = self._pollers.get(pipeline_id)
        if found is None or not found.is_at_work:
            found = self._pollers[pipeline_id] = _Poller(pipeline_id, open_list, self._chance)
        return found

    def _forget(self, pipeline_id: str, poller: _Poller[T]) -> None:
        if self._pollers.get(pipeline_id) is poller:
            del self._pollers[pipeline_id]


class _Poller(Generic[T]):
    """Looks for executions of one pipeline, in a task, while somebody waits for one."""

    def __init__(
        self, pipeline_id: str, open_list: Callable[..., Pages[T]], chance: Callable[[], float]
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._pipeline_id = pipeline_id
        self._chance = chance
        self._search = Search(open_list, self._note)
        self._sought: dict[str, _Sought[T]] = {}
        self._changed = asyncio.Event()
        self._looked_at = -math.inf
        self._walk_at = -math.inf
        self._trouble: CloudFlowError | None = None
        """How the last look failed; None: it did not."""

        self._task = self.loop.create_task(self._run(), name=f"waiting for {pipeline_id}")
        # Not only by its own end: whoever waits must not wait for a task that somebody cancelled.
        self._task.add_done_callback(lambda _: self.close("the polling was cancelled"))

    @property
    def is_at_work(self) -> bool:
        """Whether it still takes newcomers, on the running event loop."""
        return bool(self._sought) and self.loop is asyncio.get_running_loop()

    def join(self, id: str, first_pause: float, longest_pause: float) -> _Sought[T]:
        """Return what a waiter waits for; it is looked for at once, or a second after the last."""
        sought = self._sought.get(id)
        if sought is None:
            sought = self._sought[id] = _Sought(id, self.loop.create_future())
        sought.waiters += 1
        sought.pause = min(sought.pause, first_pause)
        sought.longest = min(sought.longest, longest_pause)
        self._bring_forward(sought, self._looked_at + _FIRST_PAUSE)
        return sought

    def hurry(self, sought: _Sought[T]) -> None:
        """Look for an execution at once, and then often."""
        sought.pause = _FIRST_PAUSE
        self._bring_forward(sought, -math.inf)

    def leave(self, sought: _Sought[T]) -> bool:
        """Take a waiter away, and return whether none is left; then it has to be ended."""
        sought.waiters -= 1
        if not sought.waiters and self._sought.get(sought.id) is sought:
            self._drop(sought)
        return not self._sought

    async def end(self) -> None:
        """End the task, and wait until it has ended."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def close(self, why: str) -> None:
        """End the task, and all waits with an error."""
        self._fail(ClientClosedError(f"Waiting for {self._pipeline_id!r}: {why}."))
        self._task.cancel()

    def too_late(self, sought: _Sought[T], timeout: float) -> DeadlineExceededError:
        """Return the error for who waited so many seconds in vain."""
        state = "still ran" if sought.seen else "was not seen in the history"
        return out_of_time(
            f"The execution {sought.id!r} of {self._pipeline_id!r} {state} "
            f"after {timeout:g} seconds of waiting.",
            self._trouble,
        )

    async def _run(self) -> None:
        # All who come in this turn of the loop are looked for together.
        await asyncio.sleep(0)
        try:
            while self._sought:
                await self._step()
        except Exception as error:  # noqa: BLE001 - a limiter or credential may raise anything
            self._fail(error)

    async def _step(self) -> None:
        now = self.loop.time()
        if due := self._due(now):
            await self._look(due, now)
        elif self._search.is_walking and self._walk_at <= now:
            await self._walk()
        else:
            await self._rest()

    def _due(self, now: float) -> list[_Sought[T]]:
        if all(sought.due_at > now for sought in self._sought.values()):
            return []
        return [
            sought
            for sought in self._sought.values()
            if sought.due_at <= now + sought.pause * _SOON
        ]

    async def _look(self, due: Sequence[_Sought[T]], now: float) -> None:
        self._looked_at = now
        for sought in due:
            sought.due_at = math.inf
        asked = await self._try(self._search.look([sought.id for sought in due]))
        for sought in due:
            self._pause(sought, asked or 0.0)

    async def _walk(self) -> None:
        asked = await self._try(self._search.walk())
        if asked is not None:
            self._walk_at = self.loop.time() + max(asked, LONGEST_PAUSE)

    async def _rest(self) -> None:
        wake_at = min(sought.due_at for sought in self._sought.values())
        if self._search.is_walking:
            wake_at = min(wake_at, self._walk_at)
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(wake_at):
                await self._changed.wait()

    async def _try(self, work: Awaitable[None]) -> float | None:
        """Return None, or the seconds that the server asks to wait after a failure that passes."""
        try:
            await work
        except CloudFlowError as error:
            if not _may_pass(error):
                raise
            self._trouble = error.with_traceback(None)
            return (isinstance(error, StatusError) and error.retry_after) or 0.0
        self._trouble = None
        return None

    def _pause(self, sought: _Sought[T], at_least: float) -> None:
        pause = sought.pause * (1.0 - _JITTER * self._chance())
        # It may have been brought forward during the look.
        sought.due_at = min(sought.due_at, self.loop.time() + max(pause, at_least))
        sought.pause = min(sought.pause * _GROWTH, sought.longest)

    def _bring_forward(self, sought: _Sought[T], at: float) -> None:
        sought.due_at = min(sought.due_at, max(self.loop.time(), at))
        self._changed.set()

    def _note(self, row: T) -> None:
        sought = self._sought[row.id]
        sought.seen = True
        if row.status != "running":
            self._settle(sought, row)

    def _fail(self, error: Exception) -> None:
        for sought in list(self._sought.values()):
            self._settle(sought, error)

    def _settle(self, sought: _Sought[T], outcome: T | Exception) -> None:
        self._drop(sought)
        sought.outcome.set_result(outcome)

    def _drop(self, sought: _Sought[T]) -> None:
        del self._sought[sought.id]
        self._search.forget(sought.id)


def check_wait(execution_id: str, timeout: float | None, longest_pause: float) -> None:
    """Refuse arguments that cannot be meant.

    Raises:
        InvalidArgumentError: One is of another type, or out of range.
    """
    if not _is_id(execution_id):
        raise InvalidArgumentError(f"execution_id must be a str of 1 to {_LONGEST_ID} characters.")
    if timeout is not None and not (is_number(timeout) and timeout > 0):
        raise InvalidArgumentError("timeout must be more than 0 seconds, or None.")
    if not (is_number(longest_pause) and _FIRST_PAUSE <= longest_pause < math.inf):
        raise InvalidArgumentError(f"poll must be at least {_FIRST_PAUSE:g} second.")


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST_ID


@contextmanager
def _listening(
    router: Router | None, execution_id: str, ended: Callable[[], None]
) -> Iterator[None]:
    """Call `ended` when a delivery says that an execution has."""
    if router is None:
        yield
        return

    async def on_delivery(event: Event) -> None:
        if event.type.endswith(_ENDINGS) and event.data.get("execution_id") == execution_id:
            ended()

    stop = router.listen(["*"], on_delivery)
    try:
        yield
    finally:
        stop()


def _may_pass(error: CloudFlowError) -> bool:
    """Return whether a look that failed so can succeed later, without anybody's doing."""
    if isinstance(error, TransportError | DecodeError | TokenRequestError):
        return error.retryable
    if isinstance(error, StatusError):
        return error.status in {429, *TRANSIENT} and error.code not in NEVER_RETRIED
    return isinstance(error, DeadlineExceededError | PaginationError)


def _result(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise own(outcome)
    return outcome

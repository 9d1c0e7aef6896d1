"""One run at a time of work that many ask for, in a task that none of them can cancel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import attrs

from cloudflow_async._core.errors import CloudFlowError, CredentialError, WrongLoopError, own
from cloudflow_async._core.support.event_loop import running_loop
from cloudflow_async._core.support.log import log_of

T = TypeVar("T")

_LOG = log_of()


@attrs.frozen
class _Failure:
    """How the last run ended."""

    error: Exception
    at: float
    """On the event loop's clock."""


class SingleFlight(Generic[T]):
    """Runs work once for all who want its result at the same time.

    The work has a task of its own: a caller that is cancelled, even the one who began it, ends
    nothing for the others.  It belongs to the loop of its first use; when that loop has ended,
    the next one starts anew.

    Args:
        work: What is run, without arguments.
        cool_down: Seconds after a failure in which nothing is run, and all who ask get the same
            error.
        name: What is run, in a few words: the task's name, and what logs call it.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[T]],
        *,
        cool_down: float = 1.0,
        name: str = "renewal of a credential",
    ) -> None:
        self._work = work
        self._cool_down = cool_down
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[T] | None = None
        self._failure: _Failure | None = None

    def bind(self) -> None:
        """Make it belong to the running event loop.

        Raises:
            WrongLoopError: It belongs to another one, which has not ended.
        """
        loop = running_loop()
        if loop is self._loop:
            return
        if self._loop is not None and not self._loop.is_closed():
            raise WrongLoopError(
                f"This credential is in use on {self._loop!r} and cannot be used on {loop!r}; "
                "create one for each event loop."
            )
        self._loop, self._task, self._failure = loop, None, None

    async def run(self) -> T:
        """Return the result of the run under way, or of one that begins now.

        Cancelling it leaves the run alone.

        Raises:
            CredentialError: The run was cancelled by another than its callers.
            Exception: As the work ended, or had ended within the cool-down; each caller gets an
                instance of its own.
        """
        self.bind()
        task = self._under_way()
        if task is None:
            if (failure := self._recent_failure()) is not None:
                raise own(failure.error)
            task = self._begin()
        await asyncio.wait([task])
        return _result(task)

    def start(self) -> None:
        """Begin a run in the background, unless one is under way or failed just now.

        How it fails is logged.
        """
        self.bind()
        if self._under_way() is None and self._recent_failure() is None:
            self._begin().add_done_callback(self._log)

    def forgive(self) -> None:
        """Forget how the last run failed: what it lacked has changed."""
        self._failure = None

    async def settled(self) -> None:
        """Return when no run is under way, however it ended; cancelling it leaves the run alone."""
        self.bind()
        if (task := self._under_way()) is not None:
            await asyncio.wait([task])

    def _under_way(self) -> asyncio.Task[T] | None:
        return None if self._task is None or self._task.done() else self._task

    def _recent_failure(self) -> _Failure | None:
        failure = self._failure
        if failure is None or _now() - failure.at >= self._cool_down:
            return None
        return failure

    def _begin(self) -> asyncio.Task[T]:
        self._failure = None
        task = asyncio.get_running_loop().create_task(self._fly(), name=self._name)
        task.add_done_callback(_retrieve)
        self._task = task
        return task

    async def _fly(self) -> T:
        try:
            return await self._work()
        except Exception as error:
            self._failure = _Failure(error, _now())
            raise

    def _log(self, task: asyncio.Task[T]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        # What is not ours may show anything.
        reason = error.message if isinstance(error, CloudFlowError) else type(error).__name__
        _LOG.warning("%s failed in the background: %s", self._name, reason)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _retrieve(task: asyncio.Task[T]) -> None:
    # All its callers may be gone by now, and asyncio would complain of an error nobody took.
    if not task.cancelled():
        task.exception()


def _result(task: asyncio.Task[T]) -> T:
    if task.cancelled():
        # Not a CancelledError: it is not this caller who was cancelled.
        raise CredentialError("The renewal of the credential was cancelled; try again.")
    error = task.exception()
    if error is None:
        return task.result()
    raise own(error) if isinstance(error, Exception) else error

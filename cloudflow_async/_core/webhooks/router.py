"""Which handlers get a delivery, and that they get it once; how it ended, as an HTTP status."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias, TypeVar

import attrs

from cloudflow_async._core.errors import (
    InvalidArgumentError,
    WebhookPayloadError,
    WebhookVerificationError,
)
from cloudflow_async._core.http.response import printable
from cloudflow_async._core.support.validation import check_callable, check_methods

from .dedupe import DAY, DedupeStore, MemoryDedupeStore
from .events import WebhookEvent, parse_event
from .headers import WebhookHeaders
from .scheme import WebhookScheme
from .secrets import SecretEncoding, Secrets, check_keys, find_keys
from .verify import TOLERANCE, check_scheme, check_tolerance, verify_delivery

Handler: TypeAlias = Callable[[Any], object]
"""A function of one event, async or not; what it returns is awaited if it can be, then dropped."""

H = TypeVar("H", bound=Handler)

DONE: Final = 204
UNREADABLE: Final = 400
NOT_TRUSTED: Final = 401
RUNNING_ELSEWHERE: Final = 409
FAILED: Final = 500

_LOG = logging.getLogger("cloudflow_async")
_PATTERN: Final = re.compile(r"\*|[^*]+\.\*|[^*]+")


@attrs.frozen(eq=False)
class _Listener:
    """Whom to call for which events."""

    patterns: frozenset[str]
    handler: Handler

    typed: bool
    """Whether the handler counts on the class of an event that it names in full."""

    def hears(self, event: WebhookEvent) -> bool:
        return any(_matches(pattern, event.type) for pattern in self.patterns)

    def counts_on_class_of(self, event: WebhookEvent) -> bool:
        return self.typed and event.type in self.patterns

    def __str__(self) -> str:
        return printable(getattr(self.handler, "__qualname__", type(self.handler).__qualname__))


@attrs.define(eq=False)
class _Run:
    """One delivery being handled, for those who wait for its end."""

    ended: asyncio.Event = attrs.field(factory=asyncio.Event)

    status: int | None = None
    """None: it did not come to an end, because it was cancelled."""


class Router:
    """Verifies deliveries and calls the handlers of their events, once for each delivery.

    It knows no server: `handle` takes body and headers and returns the status to answer with;
    `cloudflow_async.web` has the adapters.  It belongs to one event loop at a time.

    The handlers of an event are called one after another, in the order in which they were
    registered, and what they return is awaited if it can be.  One that raises is logged and stops
    no other; but the answer is 500 then, and when the sender tries again, all of them are called
    again: each should be safe to repeat.  Nothing bounds their time except the sender, who waits
    for some seconds and then takes the delivery for lost: what takes long belongs into a queue.
    Deliveries can overtake each other; `timestamp` and `sent_at` of the events tell the order.

    Args:
        secrets: What deliveries are signed with: one, or up to five while they are rotated.
        tolerance: Most seconds between our clock and a delivery's time, either way.
        secret_encoding: How keys are made of the secrets.
        scheme: How deliveries are signed; None: Standard Webhooks.
        dedupe: Remembers which deliveries were handled; None: a `MemoryDedupeStore`, which is
            enough for one process.
        clock: Our clock, in Unix seconds.

    Raises:
        InvalidArgumentError: An argument cannot be used.
    """

    events: ClassVar[Mapping[str, type[WebhookEvent]]] = {}
    """The known types of events, each with its class."""

    def __init__(
        self,
        secrets: Secrets,
        *,
        tolerance: float = TOLERANCE,
        secret_encoding: SecretEncoding = "base64",  # noqa: S107 - no secret
        scheme: WebhookScheme | None = None,
        dedupe: DedupeStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A dict keeps the order of registration, and removes any of them at once.
        self._listeners: dict[_Listener, None] = {}
        self._runs: dict[str, _Run] = {}
        found = find_keys(secrets, secret_encoding)
        # From here on a traceback that shows variables shows no secret.
        del secrets
        self._keys = check_keys(found)
        self._tolerance = check_tolerance(tolerance)
        check_callable("clock", clock, "a callable that returns Unix seconds", arguments=0)
        if dedupe is not None:
            check_methods("dedupe", dedupe, ("claim", "finish", "release"), "a DedupeStore")
        self._scheme = check_scheme(scheme)
        self._clock = clock
        if dedupe is None:
            dedupe = MemoryDedupeStore(expires_after=max(DAY, 2 * tolerance), clock=clock)
        self._dedupe = dedupe

    def __repr__(self) -> str:
        return f"{type(self).__name__}(handlers={len(self._listeners)}, running={len(self._runs)})"

    def on(self, *types: str) -> Callable[[H], H]:
        """Register the decorated function for events; it stays as it is.

        An async function is awaited.  Another one is called on the event loop, and must not block.

        Args:
            types: Such as ``workflow.failed``, ``workflow.*`` or ``*``; any number.  One that is
                named in full comes in the class of its type, or not at all: a delivery whose data
                do not fit is answered 400 and logged.

        Raises:
            InvalidArgumentError: No type is given, or a ``*`` is elsewhere than at the end; or the
                handler cannot be called with one event, or is a generator.
        """
        patterns = _check_patterns(types)

        def register(handler: H) -> H:
            self._add(_Listener(patterns, _check_handler(handler), typed=True))
            return handler

        return register

    def listen(
        self, types: Sequence[str], handler: Callable[[WebhookEvent], object]
    ) -> Callable[[], None]:
        """Register a handler, and return what removes it again.

        The handler gets plain events, too: of types that are not known, or with data that do not
        fit.  Removed, it is called for no further delivery; a call under way goes on.

        Args:
            types: As in `on`.
            handler: Called with each event, and awaited if it can be.

        Raises:
            InvalidArgumentError: As for `on`.
        """
        listener = _Listener(_check_patterns(types), _check_handler(handler), typed=False)
        return self._add(listener)

    async def handle(self, body: bytes, headers: WebhookHeaders) -> int:
        """Verify a delivery, call its handlers and return the status to answer with.

        Copies of one delivery that come at the same time wait for the first and get its status.
        Cancelling the first cancels the handler, and the next one begins anew; so does whatever
        it raises that is no `Exception`.

        Args:
            body: The bytes as they came.
            headers: As they came.

        Returns:
            204 when it is handled, was handled before, or nobody listens; 400 when it is signed,
            but cannot be read; 401 when it cannot be trusted; 409 when another process handles
            it; 500 when a handler or the dedupe store raised.

        Raises:
            InvalidArgumentError: `body` is text, or was parsed already.
        """
        try:
            event = self._read(body, headers)
        except WebhookVerificationError as error:
            status = UNREADABLE if isinstance(error, WebhookPayloadError) else NOT_TRUSTED
            _log(logging.WARNING, "A webhook delivery was answered %d: %s", status, error.message)
            return status
        listeners = [listener for listener in self._listeners if listener.hears(event)]
        if self._is_misfit(event, listeners):
            _log(
                logging.ERROR,
                "Webhook delivery %s was answered %d: the data of its %s are not as documented",
                event.id,
                UNREADABLE,
                event.type,
            )
            return UNREADABLE
        return await self._handle_once(event, listeners) if listeners else DONE

    def _add(self, listener: _Listener) -> Callable[[], None]:
        self._listeners[listener] = None

        def remove() -> None:
            self._listeners.pop(listener, None)

        return remove

    def _read(self, body: bytes, headers: WebhookHeaders) -> WebhookEvent:
        delivery = verify_delivery(
            body,
            headers,
            secrets=self._keys,
            now=self._clock(),
            tolerance=self._tolerance,
            scheme=self._scheme,
        )
        return parse_event(delivery, self.events)

    def _is_misfit(self, event: WebhookEvent, listeners: Sequence[_Listener]) -> bool:
        fits = isinstance(event, self.events.get(event.type, WebhookEvent))
        return not fits and any(listener.counts_on_class_of(event) for listener in listeners)

    async def _handle_once(self, event: WebhookEvent, listeners: Sequence[_Listener]) -> int:
        while (other := self._runs.get(event.id)) is not None:
            await other.ended.wait()
            if other.status is not None:
                return other.status
        run = self._runs[event.id] = _Run()
        try:
            run.status = await self._claim_and_call(event, listeners)
        finally:
            del self._runs[event.id]
            run.ended.set()
        return run.status

    async def _claim_and_call(self, event: WebhookEvent, listeners: Sequence[_Listener]) -> int:
        try:
            claim = await self._dedupe.claim(event.id)
        except Exception as error:  # noqa: BLE001 - a store may raise anything
            _log_failure("The dedupe store", event, error)
            return FAILED
        if claim == "done":
            return DONE
        if claim == "running":
            return RUNNING_ELSEWHERE
        return await self._call_claimed(event, listeners)

    async def _call_claimed(self, event: WebhookEvent, listeners: Sequence[_Listener]) -> int:
        try:
            results = [await _call(listener, event) for listener in listeners]
        except BaseException:
            await self._settle(self._dedupe.release, event)
            raise
        if not all(results):
            await self._settle(self._dedupe.release, event)
            return FAILED
        await self._settle(self._dedupe.finish, event)
        return DONE

    async def _settle(self, settle: Callable[[str], Awaitable[None]], event: WebhookEvent) -> None:
        """Tell the store how it ended; that it cannot be told does not change how it ended."""
        try:
            await settle(event.id)
        except Exception as error:  # noqa: BLE001 - a store may raise anything
            _log_failure("The dedupe store", event, error)


async def _call(listener: _Listener, event: WebhookEvent) -> bool:
    """Return whether a handler did its work."""
    try:
        result = listener.handler(event)
        if inspect.isawaitable(result):
            await result
    except Exception as error:  # noqa: BLE001 - a handler may raise anything
        _log_failure(f"The handler {listener}", event, error)
        return False
    return True


def _check_handler(handler: Handler) -> Handler:
    """Refuse what would fail with each delivery, which its sender would then repeat."""
    check_callable("A handler", handler, "a function of one event", arguments=1)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise InvalidArgumentError(
            "A handler must be a function of one event, not a generator: one with yield in it "
            "does nothing when it is called."
        )
    return handler


def _check_patterns(types: Sequence[Any]) -> frozenset[str]:
    names = [types] if isinstance(types, str) else [*types]
    if not names:
        raise InvalidArgumentError('No type of event is given; "*" stands for all.')
    for name in names:
        if not (isinstance(name, str) and _PATTERN.fullmatch(name)):
            raise InvalidArgumentError(
                f"{name!r} is no type of event; there are names such as workflow.failed, "
                "workflow.* and *."
            )
    return frozenset(names)


def _matches(pattern: str, event_type: str) -> bool:
    if pattern.endswith("*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern


def _log_failure(who: str, event: WebhookEvent, error: Exception) -> None:
    _log(
        logging.ERROR,
        "%s failed for webhook delivery %s, %s",
        who,
        event.id,
        event.type,
        error=error,
    )


def _log(level: int, text: str, *values: object, error: Exception | None = None) -> None:
    # What a sender named may hold line breaks; and a log that fails must not fail a delivery.
    shown = [printable(value) if isinstance(value, str) else value for value in values]
    with contextlib.suppress(Exception):
        _LOG.log(level, text, *shown, exc_info=error)

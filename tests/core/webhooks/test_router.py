"""Handing deliveries to handlers, each delivery once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest

from cloudflow_async._core.codec.fields import unknown_fields
from cloudflow_async._core.errors import InvalidArgumentError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.webhooks import EventData, StandardWebhooks, WebhookEvent, WebhookKey
from cloudflow_async._core.webhooks.dedupe import Claim, DedupeStore, MemoryDedupeStore
from cloudflow_async._core.webhooks.router import Router
from tests.core.auth.exposure import exposed_by, spellings
from tests.core.auth.leaks import shows
from tests.deliveries import SECRET, SignedDelivery, delivery, signed

NOW = 1_769_251_500.0


@attrs.frozen(kw_only=True, weakref_slot=False)
class ParcelData(EventData):
    """What a made-up event tells."""

    number: int
    extra: Mapping[str, Json] = unknown_fields()


@attrs.frozen(kw_only=True)
class ParcelLost(WebhookEvent):
    """A made-up event whose type is known."""

    data: ParcelData


class ParcelRouter(Router):
    """A router that knows one type of event."""

    events = {"parcel.lost": ParcelLost}  # noqa: RUF012 - as users may write it


class Handler:
    """A handler that remembers its events, and ends as it is told."""

    def __init__(self, *ends: BaseException | Callable[[], Awaitable[object]]) -> None:
        self.events: list[WebhookEvent] = []
        self._ends = [*ends]

    async def __call__(self, event: WebhookEvent) -> None:
        """Remember the event; then raise, or await, what comes next of what was given."""
        self.events.append(event)
        end = self._ends.pop(0) if self._ends else None
        if isinstance(end, BaseException):
            raise end
        if end is not None:
            await end()

    @property
    def types(self) -> list[str]:
        """The types of its events, in the order in which they came."""
        return [event.type for event in self.events]


class FailingStore(MemoryDedupeStore):
    """A store of which one method raises."""

    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    async def claim(self, id: str, /) -> Claim:
        """Claim, or raise."""
        self._raise("claim")
        return await super().claim(id)

    async def finish(self, id: str, /) -> None:
        """Finish, or raise."""
        self._raise("finish")
        await super().finish(id)

    async def release(self, id: str, /) -> None:
        """Release, or raise."""
        self._raise("release")
        await super().release(id)

    def _raise(self, method: str) -> None:
        if method == self._method:
            raise ConnectionError("no such store")


def make_router(**options: Any) -> ParcelRouter:
    """Return a router whose clock stands still."""
    return ParcelRouter(SECRET, **{"clock": lambda: NOW, **options})


def parcel(event: str = "parcel.lost", **how: Any) -> SignedDelivery:
    """Return a delivery that such a router accepts."""
    return delivery(event, **{"data": {"number": 7}, "signed_at": NOW, **how})


async def hand(router: Router, sent: SignedDelivery) -> int:
    """Hand a delivery to a router and return the status."""
    return await router.handle(sent.body, sent.headers)


async def test_an_event_reaches_its_handler() -> None:
    """The handler gets the event in the class of its type; the sender gets a 204."""
    router, handler = make_router(), Handler()
    router.on("parcel.lost")(handler)

    assert 204 == await hand(router, parcel())
    assert ["ParcelLost"] == [type(event).__name__ for event in handler.events]
    assert [("msg_1", 7)] == [(event.id, event.data["number"]) for event in handler.events]


@pytest.mark.parametrize(
    ("types", "heard"),
    [
        (["parcel.lost"], ["parcel.lost"]),
        (["parcel.*"], ["parcel.lost", "parcel.sent", "parcel.box.lost"]),
        (["parcel.box.*"], ["parcel.box.lost"]),
        (["*"], ["parcel.lost", "parcel.sent", "parcel.box.lost", "parcels.lost", "parcel"]),
        (["parcel", "parcels.*"], ["parcels.lost", "parcel"]),
        (["parcel.lost", "parcel.*", "*"], None),
        (["Parcel.Lost"], []),
    ],
)
async def test_patterns(types: list[str], heard: list[str] | None) -> None:
    """A handler hears what it names in full, by its beginning, or all; each event once."""
    router, handler = make_router(), Handler()
    router.on(*types)(handler)
    sent = ["parcel.lost", "parcel.sent", "parcel.box.lost", "parcels.lost", "parcel"]

    assert [204] * 5 == [
        await hand(router, parcel(name, id=f"msg_{number}")) for number, name in enumerate(sent)
    ]
    assert (sent if heard is None else heard) == handler.types


@pytest.mark.parametrize(
    "types", [(), ("",), ("parcel*",), ("*.lost",), ("parcel.*.lost",), ("**",), (".*",), (7,)]
)
def test_what_is_no_pattern(types: tuple[Any, ...]) -> None:
    """A pattern that would never match as it was meant is refused at once."""
    router = make_router()

    with pytest.raises(InvalidArgumentError, match="type of event"):
        router.on(*types)
    with pytest.raises(InvalidArgumentError, match="type of event"):
        router.listen(types, Handler())


async def test_a_name_alone_is_one_name() -> None:
    """`listen` takes a single name for what it is, and not for its letters."""
    router, handler = make_router(), Handler()
    router.listen("parcel.lost", handler)
    await hand(router, parcel())

    assert ["parcel.lost"] == handler.types


async def test_the_decorated_function_stays() -> None:
    """`on` returns the function itself, so that decorators stack and tests can call it."""
    router = make_router()

    async def handler(event: ParcelLost) -> None:
        """Do nothing."""

    assert handler is router.on("parcel.lost")(router.on("*")(handler))
    assert "ParcelRouter(handlers=2, running=0)" == repr(router)


async def test_a_listener_can_be_removed() -> None:
    """What `listen` returns removes the handler; a second time it does nothing."""
    router, handler, other = make_router(), Handler(), Handler()
    remove = router.listen(["*"], handler)
    router.listen(["*"], other)
    await hand(router, parcel(id="before"))
    remove()
    remove()
    await hand(router, parcel(id="after"))

    assert ["before"] == [event.id for event in handler.events]
    assert ["before", "after"] == [event.id for event in other.events]


async def test_one_handler_may_listen_twice() -> None:
    """Each registration counts on its own, and is removed on its own."""
    router, handler = make_router(), Handler()
    remove = router.listen(["*"], handler)
    router.listen(["*"], handler)
    await hand(router, parcel(id="before"))
    remove()
    await hand(router, parcel(id="after"))

    assert ["before", "before", "after"] == [event.id for event in handler.events]


async def test_nobody_listens() -> None:
    """What nobody wants is accepted, and not remembered: somebody may want the next copy."""
    router, handler = make_router(), Handler()
    statuses = [await hand(router, parcel())]
    router.on("*")(handler)
    statuses.append(await hand(router, parcel()))

    assert [204, 204] == statuses
    assert 1 == len(handler.events)


async def test_handlers_run_in_order() -> None:
    """Handlers of one event are awaited one after another, as they were registered."""
    router = make_router()
    steps: list[str] = []
    for name in ("first", "second"):

        async def handler(event: WebhookEvent, name: str = name) -> None:
            steps.append(f"{name} begins")
            await asyncio.sleep(0)
            steps.append(f"{name} ends")

        router.listen(["*"], handler)
    await hand(router, parcel())

    assert ["first begins", "first ends", "second begins", "second ends"] == steps


async def test_a_copy_that_comes_later() -> None:
    """A delivery that was handled is not handled again, whatever time its copy was signed."""
    now = [NOW]
    router, handler = make_router(clock=lambda: now[0]), Handler()
    router.on("*")(handler)
    statuses = [await hand(router, parcel())]
    now[0] += 8 * 3600
    statuses.append(await hand(router, parcel(signed_at=now[0])))

    assert [204, 204] == statuses
    assert 1 == len(handler.events)


async def test_a_thousand_copies_at_once() -> None:
    """The handler runs once, and each copy gets its status."""
    router, gate = make_router(), asyncio.Event()
    handler = Handler(gate.wait)
    router.on("*")(handler)
    copies = [asyncio.ensure_future(hand(router, parcel())) for _ in range(1000)]
    await asyncio.sleep(0)
    gate.set()

    assert {204} == set(await asyncio.gather(*copies))
    assert 1 == len(handler.events)
    assert "running=0" in repr(router)


async def test_copies_of_one_that_fails() -> None:
    """Copies that wait for the first get its 500 too; what comes after begins anew."""

    async def fail_after_a_while() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    router, handler = make_router(), Handler(fail_after_a_while)
    router.on("*")(handler)
    statuses = await asyncio.gather(*(hand(router, parcel()) for _ in range(10)))

    assert [500] * 10 == statuses
    assert 204 == await hand(router, parcel())
    assert 2 == len(handler.events)


async def test_a_copy_that_goes_away() -> None:
    """A copy that is cancelled while it waits changes nothing for the others."""
    router, gate = make_router(), asyncio.Event()
    handler = Handler(gate.wait)
    router.on("*")(handler)
    first, gone, last = (asyncio.ensure_future(hand(router, parcel())) for _ in range(3))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    gate.set()

    assert [204, 204] == [await first, await last]
    assert 1 == len(handler.events)


async def test_a_handler_that_is_cancelled() -> None:
    """The cancellation goes on, and one of the waiting copies begins anew."""
    router, gate = make_router(), asyncio.Event()
    handler = Handler(asyncio.Event().wait, gate.wait)
    router.on("*")(handler)
    first, *others = (asyncio.ensure_future(hand(router, parcel())) for _ in range(10))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()

    assert [204] * 9 == await asyncio.gather(*others)
    assert 2 == len(handler.events)


async def test_a_cancelled_delivery_comes_again() -> None:
    """The id of a delivery that was cancelled is free, in the store as well."""
    store = MemoryDedupeStore()
    router, handler = make_router(dedupe=store), Handler(asyncio.Event().wait)
    router.on("*")(handler)
    first = asyncio.ensure_future(hand(router, parcel()))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert 0 == len(store)
    assert 204 == await hand(router, parcel())
    assert 2 == len(handler.events)


async def test_a_handler_that_ends_the_program() -> None:
    """What is no `Exception` goes on, and the id is free."""

    class End(BaseException):
        """Such as a SystemExit, which asyncio treats on its own."""

    router, handler = make_router(), Handler(End())
    router.on("*")(handler)
    with pytest.raises(End):
        await hand(router, parcel())

    assert 204 == await hand(router, parcel())


async def test_a_handler_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is 500, the log tells who raised what, and the next delivery runs again."""
    router, handler = make_router(), Handler(ValueError("out of paper"))
    router.on("parcel.*")(handler)
    statuses = [await hand(router, parcel()), await hand(router, parcel())]
    (record,) = caplog.records

    assert [500, 204] == statuses
    assert 2 == len(handler.events)
    assert (logging.ERROR, "cloudflow_async") == (record.levelno, record.name)
    assert "The handler Handler failed for webhook delivery msg_1, parcel.lost" == (
        record.getMessage()
    )
    assert "out of paper" in caplog.text


async def test_a_function_is_logged_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the function that raised."""
    router = make_router()

    @router.on("parcel.lost")
    def print_label(event: ParcelLost) -> Any:
        raise ValueError(event.type)

    assert 500 == await hand(router, parcel())
    assert "print_label failed for webhook delivery msg_1" in caplog.text
    assert "ValueError" in caplog.text


async def test_a_function_that_is_not_async_handles_a_delivery_once() -> None:
    """It is called once, and what it returns is awaited if it can be."""
    router = make_router()
    calls = []

    async def later(event: WebhookEvent) -> None:
        calls.append(f"later {event.type}")

    @router.on("parcel.lost")
    def note(event: ParcelLost) -> int:
        calls.append(event.type)
        return 1

    @router.on("parcel.lost")
    def hand_on(event: ParcelLost) -> Any:
        return later(event)

    assert [204, 204] == [await hand(router, parcel()), await hand(router, parcel())]
    assert ["parcel.lost", "later parcel.lost"] == calls


def _no_event() -> None: ...


def _two_events(first: object, second: object) -> None: ...


def _generator(event: object) -> Any:
    yield event


async def _async_generator(event: object) -> Any:
    yield event


@pytest.mark.parametrize(
    "handler", [None, "note", 5, _no_event, _two_events, _generator, _async_generator]
)
def test_a_handler_that_would_fail_with_each_delivery_is_refused(handler: Any) -> None:
    """It is refused when it is registered, not when its sender repeats the delivery."""
    router = make_router()

    for register in (router.on("parcel.lost"), lambda it: router.listen(["*"], it)):
        with pytest.raises(InvalidArgumentError, match=r"^A handler must be a function of one"):
            register(handler)


def test_a_handler_without_a_signature_is_taken() -> None:
    """Some builtins have none; whether they fit shows when they are called."""
    assert dict.__class__ is make_router().on("parcel.lost")(dict.__class__)


async def test_one_of_three_raises() -> None:
    """The others run all the same; when it comes again, all run again, and once."""
    router = make_router()
    handlers = [Handler(), Handler(ValueError("no")), Handler()]
    for handler in handlers:
        router.on("*")(handler)
    statuses = [await hand(router, parcel()) for _ in range(3)]

    assert [500, 204, 204] == statuses
    assert [2, 2, 2] == [len(handler.events) for handler in handlers]


async def test_another_process_handles_it() -> None:
    """Where two share a store, the one that comes second says 409 until the first is done."""
    store, gate = MemoryDedupeStore(), asyncio.Event()
    one, other = make_router(dedupe=store), make_router(dedupe=store)
    handler = Handler(gate.wait)
    for router in (one, other):
        router.on("*")(handler)
    first = asyncio.ensure_future(hand(one, parcel()))
    await asyncio.sleep(0)
    meanwhile = await hand(other, parcel())
    gate.set()

    assert (409, 204) == (meanwhile, await first)
    assert 204 == await hand(other, parcel())
    assert 1 == len(handler.events)


@pytest.mark.parametrize(
    ("method", "raises", "statuses", "calls"),
    [
        ("claim", False, [500, 500], 0),
        ("finish", False, [204, 409], 1),
        ("release", True, [500, 409], 1),
    ],
)
async def test_a_store_that_fails(
    caplog: pytest.LogCaptureFixture, method: str, raises: bool, statuses: list[int], calls: int
) -> None:
    """Not knowing, nothing is handled; once handled, the answer says so.  Claims may stay."""
    router = make_router(dedupe=FailingStore(method))
    handler = Handler(*([ValueError("no")] if raises else []))
    router.on("*")(handler)

    assert statuses == [await hand(router, parcel()), await hand(router, parcel())]
    assert calls == len(handler.events)
    assert "The dedupe store failed for webhook delivery msg_1" in caplog.text
    assert "no such store" in caplog.text


async def test_a_cancel_and_a_store_that_fails() -> None:
    """The cancellation goes on although the id cannot be released."""
    router = make_router(dedupe=FailingStore("release"))
    router.on("*")(Handler(asyncio.Event().wait))
    first = asyncio.ensure_future(hand(router, parcel()))
    await asyncio.sleep(0)
    first.cancel()

    with pytest.raises(asyncio.CancelledError):
        await first


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (parcel(secret="whsec_" + "A" * 32), 401, "No signature fits"),
        (parcel(signed_at=NOW - 301), 401, "was signed 301 s ago"),
        (parcel(signed_at=NOW + 301), 401, "ahead of now"),
        (SignedDelivery(body=b"{}", headers={}), 401, "webhook-id"),
        (SignedDelivery(body=b"{}", headers=parcel().headers), 401, "No signature fits"),
        (signed(b"{'event': 1}", signed_at=NOW), 400, "no JSON"),
        (signed(b"[]", signed_at=NOW), 400, "no JSON object"),
        (signed(b"{}", signed_at=NOW), 400, "event"),
    ],
)
async def test_what_is_refused(
    caplog: pytest.LogCaptureFixture, sent: SignedDelivery, status: int, reason: str
) -> None:
    """No handler runs, the status tells whether it was signed, and the log tells why, shortly."""
    router, handler = make_router(), Handler()
    router.on("*")(handler)

    assert status == await hand(router, sent)
    assert [] == handler.events
    (record,) = caplog.records
    assert record.getMessage().startswith(f"A webhook delivery was answered {status}: ")
    assert reason in record.getMessage()
    assert logging.WARNING == record.levelno
    assert sent.headers.get("webhook-signature", "none") not in caplog.text


@pytest.mark.parametrize("signed_at", [NOW - 300, NOW + 300])
async def test_the_edge_of_the_tolerance(signed_at: float) -> None:
    """Up to 300 seconds either way are allowed, and no copy gets through in all that time."""
    now = [min(NOW, signed_at)]
    router, handler = make_router(clock=lambda: now[0]), Handler()
    router.on("*")(handler)
    await hand(router, parcel(signed_at=signed_at))
    now[0] = signed_at + 300
    await hand(router, parcel(signed_at=signed_at))

    assert 1 == len(handler.events)


async def test_a_long_tolerance() -> None:
    """What is remembered lasts for as long as a copy could be accepted."""
    now = [NOW]
    router, handler = make_router(clock=lambda: now[0], tolerance=7 * 86_400), Handler()
    router.on("*")(handler)
    future = NOW + 7 * 86_400
    statuses = [await hand(router, parcel(signed_at=future))]
    now[0] = future + 7 * 86_400
    statuses.append(await hand(router, parcel(signed_at=future)))

    assert [204, 204] == statuses
    assert 1 == len(handler.events)


async def test_data_that_do_not_fit(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever counts on a class never gets another: the answer is 400, and nothing runs."""
    router, typed, other = make_router(), Handler(), Handler()
    router.on("parcel.lost")(typed)
    router.on("*")(other)
    sent = parcel(data={"number": "seven"})

    assert 400 == await hand(router, sent)
    assert ([], []) == (typed.events, other.events)
    assert "the data of its parcel.lost are not as documented" in caplog.text
    assert "seven" not in caplog.text


async def test_data_that_do_not_fit_behind_a_wildcard() -> None:
    """Where nobody counts on a class, the event comes as a plain one."""
    router, wildcard, listener = make_router(), Handler(), Handler()
    router.on("parcel.*")(wildcard)
    router.listen(["parcel.lost"], listener)
    sent = parcel(data={"number": "seven"})

    assert 204 == await hand(router, sent)
    assert [WebhookEvent] * 2 == [type(event) for event in wildcard.events + listener.events]


async def test_a_type_that_is_not_known() -> None:
    """What a sender adds one day can be listened to by its name."""
    router, handler = make_router(), Handler()
    router.on("parcel.returned")(handler)

    assert 204 == await hand(router, parcel("parcel.returned"))
    assert [{"number": 7}] == [event.data for event in handler.events]


async def test_a_log_line_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """A type with a line break in it does not begin a line of its own."""
    router = make_router()
    router.on("*")(Handler(ValueError("no")))
    await hand(router, parcel("lost\nINFO all is well\u202e"))

    assert "lost\\u000aINFO all is well\\u202e" in caplog.records[0].getMessage()


@pytest.fixture
def deaf_log() -> Iterator[None]:
    """Give the log a handler that raises, as one does whose disk is full."""

    class Deaf(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left on device")

    log, deaf = logging.getLogger("cloudflow_async"), Deaf()
    log.addHandler(deaf)
    yield
    log.removeHandler(deaf)


@pytest.mark.usefixtures("deaf_log")
async def test_a_log_that_raises() -> None:
    """Neither status nor handlers depend on whether the log can be written."""
    router, handler = make_router(), Handler(ValueError("no"))
    router.on("*")(handler)
    sent = [parcel(secret="whsec_" + "A" * 32), signed(b"[]", signed_at=NOW), parcel(), parcel()]

    assert [401, 400, 500, 204] == [await hand(router, each) for each in sent]
    assert 2 == len(handler.events)


async def test_a_body_that_was_decoded() -> None:
    """Text instead of bytes is a mistake of the program, and not the sender's."""
    router, sent = make_router(), parcel()

    with pytest.raises(InvalidArgumentError, match="raw bytes"):
        await router.handle(sent.body.decode(), sent.headers)  # type: ignore[arg-type]


async def test_several_secrets() -> None:
    """During a rotation deliveries are accepted that are signed with any of the secrets."""
    other = "whsec_" + "B" * 32
    router, handler = ParcelRouter([other, SECRET], clock=lambda: NOW), Handler()
    router.on("*")(handler)
    sent = [
        parcel(id="1"),
        parcel(id="2", secret=other),
        parcel(id="3", secret="whsec_" + "C" * 32),
    ]

    assert [204, 204, 401] == [await hand(router, each) for each in sent]
    assert ["1", "2"] == [event.id for event in handler.events]


async def test_a_secret_that_is_text() -> None:
    """The document's own sample secret is usable by saying how."""
    secret = "whsec_your_webhook_secret"
    router, handler = ParcelRouter(secret, secret_encoding="utf8", clock=lambda: NOW), Handler()
    router.on("*")(handler)
    headers = StandardWebhooks().sign(
        parcel().body, keys=[WebhookKey(secret.encode())], message_id="msg_1", timestamp=int(NOW)
    )

    assert 204 == await router.handle(parcel().body, headers)


async def test_another_scheme() -> None:
    """Deliveries that are signed in another way are verified by a scheme of one's own."""

    class Reversed(StandardWebhooks):
        def verify(self, body: bytes, *arguments: Any, **options: Any) -> Any:
            return super().verify(body[::-1], *arguments, **options)

    router, handler, sent = make_router(scheme=Reversed()), Handler(), parcel()
    router.on("*")(handler)

    assert [204, 401] == [
        await router.handle(sent.body[::-1], sent.headers),
        await hand(router, sent),
    ]


@pytest.mark.parametrize(
    ("secrets", "options", "message"),
    [
        ("whsec_your_webhook_secret", {}, "utf8"),
        ("", {}, "empty"),
        ([], {}, "1 to 5"),
        (SECRET, {"tolerance": 0}, "tolerance"),
        (SECRET, {"tolerance": "300"}, "tolerance"),
        (SECRET, {"secret_encoding": "hex"}, "secret_encoding"),
    ],
)
def test_what_cannot_be_used(secrets: Any, options: Any, message: str) -> None:
    """A router that could never verify anything is not made."""
    with pytest.raises(InvalidArgumentError, match=message):
        ParcelRouter(secrets, **options)


async def test_the_secret_does_not_show() -> None:
    """Neither the router nor an error of its making shows a secret."""
    router = make_router()
    with pytest.raises(InvalidArgumentError) as caught:
        ParcelRouter([SECRET, "whsec_" + SECRET])
    text = exposed_by(caught.value)

    assert not any(shows(router, spelling) for spelling in spellings(SECRET.removeprefix("whsec_")))
    assert [] == [spelling for spelling in spellings(SECRET) if spelling in text]


async def test_memory_is_the_default() -> None:
    """Without a store, ids are remembered in memory for a day, on the router's own clock."""
    router = make_router()
    router.on("*")(Handler())
    await hand(router, parcel())
    store: DedupeStore = router._dedupe

    assert isinstance(store, MemoryDedupeStore)
    assert {"msg_1": NOW + 86_400} == dict(store._done)

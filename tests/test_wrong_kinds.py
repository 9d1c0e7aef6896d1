"""Arguments of a wrong kind are refused where they are given, by one clear error of ours."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from yarl import URL

from cloudflow_async import (
    AnonymousAuth,
    ApiKeyAuth,
    AuthChain,
    Checkpoint,
    CloudFlow,
    FileTokenStore,
    InvalidArgumentError,
    InvalidStateError,
    JWTAuth,
    KeyringTokenStore,
    LocalLimiter,
    MemoryDedupeStore,
    OAuth2Auth,
    RateLimits,
    RetryPolicy,
    Token,
    TransportError,
    WebhookRouter,
    WebhookTrigger,
    WrongLoopError,
    sign_webhook,
    verify_webhook,
)
from cloudflow_async._core.options import Options
from cloudflow_async.techflow import TechFlow

KEY = "cf_live_canary0123456789canary"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = "http://127.0.0.1:1/v2"


class Foreign:
    """An object of a program that uses the package; it shows a key."""

    def __repr__(self) -> str:
        return f"Foreign({KEY})"


def _client(**options: Any) -> Any:
    return CloudFlow(**{"api_key": KEY, "base_url": LOOPBACK, **options})


def _techflow(**options: Any) -> Any:
    return TechFlow(**{"api_key": KEY, "base_url": LOOPBACK, **options})


def _with_auth(auth: object) -> Any:
    return CloudFlow(auth=auth)  # type: ignore[arg-type]


def _techflow_with_auth(auth: object) -> Any:
    return TechFlow(auth=auth)  # type: ignore[arg-type]


def _chain(member: Any) -> Any:
    return AuthChain(member)


def _oauth(**options: Any) -> Any:
    return OAuth2Auth(**{"client_id": "app", **options})


def _jwt(**options: Any) -> Any:
    return JWTAuth(
        **{"issuer": "app", "subject": "user", "private_key": Path("key.pem"), **options}
    )


def _router(**options: Any) -> Any:
    return WebhookRouter(**{"secrets": SECRET, **options})


def _verify(**options: Any) -> Any:
    return verify_webhook(
        **{"body": b"{}", "headers": {}, "secrets": SECRET, "now": 0.0, **options}
    )


def _sign(**options: Any) -> Any:
    return sign_webhook(
        **{"body": b"{}", "secret": SECRET, "message_id": "msg_1", "timestamp": 0.0, **options}
    )


def _view(**options: Any) -> Any:
    return _client().with_options(**options)


def _workflows(**options: Any) -> Any:
    return _client().workflows.list(**options)


def _executions(**options: Any) -> Any:
    return _client().pipelines.executions(**{"pipeline_id": "pipe_1", **options})


def _fan_out(**options: Any) -> Any:
    return _client().pipelines.fan_out(**{"pipeline_ids": ["pipe_1"], **options})


def _call(send: Callable[..., Any], /, **usual: Any) -> Callable[..., Any]:
    def call(**options: Any) -> Any:
        return send(_client(), **{**usual, **options})

    return call


_create = _call(
    lambda cf, **options: cf.workflows.create(**options),
    name="Report",
    trigger=WebhookTrigger(),
    steps=[],
)
_update = _call(lambda cf, **options: cf.workflows.update("wf_1", **options), name="Report")
_get = _call(lambda cf, **options: cf.workflows.get(**options))
_metrics = _call(
    lambda cf, **options: cf.analytics.workflow_metrics("wf_1", **options), period="7d"
)
_webhook = _call(
    lambda cf, **options: cf.webhooks.create(**options),
    url="https://example.com/hook",
    events=["workflow.failed"],
)
_wait = _call(lambda cf, **options: cf.pipelines.wait_for_execution("pipe_1", "exec_1", **options))
_request = _call(lambda cf, **options: cf.request(**options), method="GET", path="/workflows")
_estimate = _call(lambda cf, **options: cf.estimate(**options))


def _techflow_create(**options: Any) -> Any:
    return _techflow().workflows.create(**{"name": "Report", **options})


def _techflow_update(**options: Any) -> Any:
    return _techflow().workflows.update("wf_1", **{"name": "Report", **options})


_INTS: list[Any] = ["100", 1.5, True, -1, Foreign()]
_SECONDS: list[Any] = ["30", True, -1, float("nan"), timedelta(seconds=30), Foreign()]
_FLAGS: list[Any] = ["yes", 1, None, Foreign()]
_CHOICES: list[Any] = ["High", 1, None, True, ["high"], Foreign()]
_TEXTS: list[Any] = [5, b"text", Foreign()]
_INSTANTS: list[Any] = [
    "2026-01-20",
    "2026-01-20T00:00:00Z",
    date(2026, 1, 20),
    datetime(2026, 1, 20),  # noqa: DTZ001 - without a zone, that is what is refused
    1769251500,
    Foreign(),
]
_LISTS: list[Any] = ["workflow.failed", b"text", {"type": "send_email"}, 5, Foreign()]
_CALLABLES: list[Any] = ["now", 5, Foreign()]
_OBJECTS: list[Any] = ["text", 5, Foreign(), Foreign]

_OPTIONS: dict[str, list[Any]] = {
    "timeout": [*_SECONDS, 0, None],
    "deadline": [*_SECONDS, 0],
    "max_wait": _SECONDS,
    "retry": [3, True, "3", Foreign(), RetryPolicy],
    "follow_redirects": _FLAGS,
    "check_response_ids": _FLAGS,
}
_CLIENT = {
    **_OPTIONS,
    "base_url": [b"https://api.cloudflow.io/v2", URL("https://api.cloudflow.io/v2"), *_TEXTS],
    "limits": [100, (100, 60), "enterprise", RateLimits, LocalLimiter(), Foreign()],
    "limiter": [RateLimits.enterprise(), 100, "local", LocalLimiter, Foreign()],
    "reserve": _INTS,
    "max_connections": [*_INTS, 0, None],
    "max_response_bytes": [*_INTS, 0, None],
    "max_header_bytes": [*_INTS, 0, None, 300_000],
    "proxy": [*_TEXTS, "socks5://127.0.0.1:1", "ftp://127.0.0.1"],
    "http": [aiohttp.TCPConnector, "session", *_OBJECTS],
    "user_agent": _TEXTS,
    "trust_env": _FLAGS,
    "ssl_context": [False, True, "cert.pem", ssl.SSLContext],
    "allow_insecure_http": _FLAGS,
}
_LIST = {
    "page_size": [*_INTS, 0, 101],
    "max_items": _INTS,
    "start": [*_INTS, None],
    "prefetch": [*_INTS, None],
    "on_drift": [*_CHOICES, "Dedupe"],
}
_WINDOW = {"start_date": _INSTANTS, "end_date": _INSTANTS}
_UNIX: list[Any] = ["now", True, float("nan"), datetime(2026, 1, 20, tzinfo=UTC), Foreign()]

CASES: list[tuple[Callable[..., Any], Mapping[str, list[Any]]]] = [
    (_client, {**_CLIENT, "api_key": [5, Foreign()]}),
    (_techflow, {**_CLIENT, "api_key": [5, Foreign()]}),
    (_with_auth, {"auth": [KEY, KEY.encode(), {"api_key": KEY}, ApiKeyAuth, Foreign()]}),
    (_techflow_with_auth, {"auth": [KEY, KEY.encode(), {"api_key": KEY}, ApiKeyAuth, Foreign()]}),
    (_chain, {"member": [KEY, None, [], AnonymousAuth, Foreign()]}),
    (
        _view,
        {
            **_OPTIONS,
            "retry_non_idempotent": _FLAGS,
            "priority": [*_CHOICES, "urgent"],
        },
    ),
    (
        RetryPolicy,
        {
            "attempts": [0, "3", 1.5, True],
            "throttled_attempts": [0, "3", 1.5, True],
            "base": [0, "1", None, True],
            "cap": [0, "1", None],
            "max_retry_after": [-1, "1", None],
            "chance": [0.5, "x", lambda a, b: 0.5],
        },
    ),
    (
        RateLimits,
        {
            "requests": [0, "100", 1.5, True],
            "burst": [0, "150", None],
            "per": [0, "60", None, float("inf")],
            "burst_per": [0, "60", 91.0],
        },
    ),
    (
        LocalLimiter,
        {
            "limits": [100, RateLimits, "enterprise", Foreign()],
            "max_in_flight": [0, "1", None],
            "reserve": [-1, "1", 100, None],
            "chance": [0.5, "x"],
        },
    ),
    (ApiKeyAuth, {"key": [5, None, b"cf_live_key", Foreign()]}),
    (
        lambda **options: ApiKeyAuth(KEY, **options),
        {
            "next_key": [5, Foreign()],
            "created_at": [_INSTANTS[2], _INSTANTS[3], "2026-01-20", True, Foreign()],
            "clock": _CALLABLES,
        },
    ),
    (ApiKeyAuth.from_file, {"path": [5, None, Foreign()]}),
    (lambda **options: ApiKeyAuth.from_file("key", **options), {"strict": _FLAGS}),
    (
        _oauth,
        {
            "client_id": [5, None, ""],
            "client_secret": [5, b"secret", Foreign()],
            "scopes": ["workflows:read", b"scope", 5, [5], None],
            "store": _OBJECTS,
            "authorize_url": _TEXTS,
            "token_url": _TEXTS,
            "redirect_uri": _TEXTS,
            "issuer": _TEXTS,
            "token_endpoint_auth_method": ["basic", 5, None],
            "timeout": _SECONDS,
            "ssl_context": [False, "cert.pem"],
            "trust_env": _FLAGS,
            "clock": _CALLABLES,
        },
    ),
    (
        _jwt,
        {
            "issuer": [5, None, ""],
            "subject": [5, None, ""],
            "private_key": [5, None, Foreign()],
            "scopes": ["workflows:read", 5, [5], None],
            "key_id": [5, Foreign()],
            "password": [5, Foreign()],
            "audience": [5, None, Foreign()],
            "lifetime": ["3600", 0, 3601, True, None],
            "strict": _FLAGS,
            "clock": _CALLABLES,
        },
    ),
    (FileTokenStore, {"path": [5, None, Foreign()]}),
    (KeyringTokenStore, {"username": ["", 5, None, Foreign()]}),
    (
        Token,
        {
            "access_token": [5, None, b"token", Foreign()],
        },
    ),
    (
        lambda **options: Token(access_token="token", **options),
        {
            "refresh_token": [5, b"token", Foreign()],
            "expires_at": [*_UNIX],
            "scopes": ["workflows:read", 5, [5], Foreign()],
        },
    ),
    (
        _router,
        {
            "secrets": [5, None, [], [5], b"whsec", Foreign()],
            "tolerance": ["300", 0, True, None],
            "secret_encoding": ["ascii", 5, None],
            "scheme": _OBJECTS,
            "dedupe": _OBJECTS,
            "clock": _CALLABLES,
        },
    ),
    (MemoryDedupeStore, {"size": [0, "1", True], "expires_after": [0, "1"], "clock": _CALLABLES}),
    (
        _verify,
        {
            "body": ["{}", {}, None, Foreign()],
            "headers": ["webhook-id", 5, None, Foreign()],
            "secrets": [5, None, [], Foreign()],
            "now": _UNIX,
            "tolerance": ["300", 0, None],
            "scheme": _OBJECTS,
        },
    ),
    (
        _sign,
        {
            "body": ["{}", {}, None, Foreign()],
            "secret": [5, None, Foreign()],
            "message_id": [5, None, "", Foreign()],
            "timestamp": _UNIX,
            "scheme": _OBJECTS,
        },
    ),
    (Checkpoint, {"path": [5, None, Foreign()]}),
    (lambda **options: Checkpoint("run.checkpoint", **options), {"every": [-1, "1", True]}),
    (_workflows, {**_LIST, "created_after": _INSTANTS, "status": [5.5, {}, Foreign()]}),
    (_executions, {**_LIST, **_WINDOW, "pipeline_id": [5, None, "", Foreign()]}),
    (
        _fan_out,
        {
            **_WINDOW,
            "pipeline_ids": ["pipe_1", b"pipe_1", {"pipe_1": 1}, 5, None, Foreign()],
            "page_size": _LIST["page_size"],
            "on_drift": _LIST["on_drift"],
            "concurrency": [*_INTS, 0, None],
            "on_error": [*_CHOICES, "Raise"],
            "on_progress": [*_CALLABLES, lambda: None],
            "slices": ["1y", 5, timedelta(seconds=1), Foreign()],
            "reread_running": _FLAGS,
            "checkpoint": [5, Foreign()],
        },
    ),
    (
        _create,
        {
            "name": [b"text", Foreign()],
            "trigger": [Foreign()],
            "steps": [*_LISTS, [Foreign()]],
            "description": [Foreign()],
        },
    ),
    (_update, {"steps": [*_LISTS, [Foreign()]], "name": [Foreign()], "status": [Foreign()]}),
    (_get, {"workflow_id": [5, None, "", "..", Foreign()]}),
    (_metrics, {"metrics": [*_LISTS, [5]], "period": [Foreign()]}),
    (_webhook, {"events": _LISTS, "secret": [5, Foreign()], "url": [Foreign()]}),
    (_wait, {"timeout": _SECONDS, "poll": [0, "1", True, None], "router": _OBJECTS}),
    (
        _request,
        {
            "method": ["FETCH", 5, None, Foreign()],
            "path": ["workflows", 5, None, Foreign()],
            "params": [5, "limit=1", Foreign()],
            "headers": [5, "x", {5: "x"}, {"x": 5}, {"Authorization": KEY}, Foreign()],
            "json": [Foreign(), {5}, b"{}"],
        },
    ),
    (_estimate, {"listing": [5, None, [], Foreign()]}),
    (_techflow_create, {"triggers": _LISTS, "name": [Foreign()]}),
    (_techflow_update, {"triggers": _LISTS}),
]


def _name(value: object) -> str:
    return type(value).__name__ if not isinstance(value, type) else value.__name__


async def _use(make: Callable[..., Any], options: dict[str, Any]) -> None:
    made = make(**options)
    if inspect.isawaitable(made):
        await made


@pytest.mark.parametrize(
    ("make", "argument", "value"),
    [
        pytest.param(make, name, value, id=f"{number}-{name}-{place}-{_name(value)}")
        for number, (make, arguments) in enumerate(CASES)
        for name, values in arguments.items()
        for place, value in enumerate(values)
    ],
)
async def test_a_wrong_kind_is_refused(
    make: Callable[..., Any],
    argument: str,
    value: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every public callable refuses it before anything is sent, and shows no key."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgumentError) as caught:
        await _use(make, {argument: value})

    assert KEY not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert 0 == caught.value.attempts


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"auth": KEY}, r"auth must be a credential.*not str\. Did you mean api_key=\?"),
        (
            {"retry": 3},
            r"retry must be a RetryPolicy, not int\. RetryPolicy\(attempts=4\) sends up to",
        ),
        ({"limiter": RateLimits.enterprise()}, r"limiter must be.*Did you mean limits=\?"),
        ({"limits": LocalLimiter()}, r"limits must be.*Did you mean limiter=\?"),
        (
            {"limits": RateLimits(), "limiter": LocalLimiter()},
            "one of limits and limiter, not both",
        ),
    ],
)
@pytest.mark.parametrize("client", [CloudFlow, TechFlow])
def test_a_wrong_kind_is_answered_with_what_was_meant(
    client: Any, options: dict[str, Any], advice: str
) -> None:
    """The usual slips are told from others, and the message says what to write instead."""
    if "auth" not in options:
        options = {"api_key": KEY, **options}

    with pytest.raises(InvalidArgumentError, match=advice):
        client(**options)


@pytest.mark.parametrize("value", ["2026-01-20T00:00:00Z", date(2026, 1, 20)])
def test_a_time_that_is_no_datetime_says_how_to_make_one(value: Any) -> None:
    """The message names the argument and shows a datetime."""
    with pytest.raises(InvalidArgumentError, match=r"^start_date must be a datetime.*tzinfo=UTC"):
        _executions(start_date=value)


class ForeignAuth(AnonymousAuth):
    """A credential of a program's own, which shows its key."""

    def __repr__(self) -> str:
        return f"ForeignAuth({KEY})"


@pytest.mark.parametrize(
    "thing",
    [
        lambda: CloudFlow(auth=ForeignAuth()),
        lambda: TechFlow(auth=ForeignAuth()),
        lambda: AuthChain(ForeignAuth(), ApiKeyAuth(KEY)),
    ],
)
def test_no_repr_shows_an_object_of_others(thing: Callable[[], object]) -> None:
    """Only the class of an object that is not ours is shown."""
    shown = repr(thing())

    assert KEY not in shown
    assert "ForeignAuth" in shown


def test_a_policy_of_one_attempt_never_tries_again() -> None:
    """`throttled_attempts` follows `attempts`, unless it is given."""
    policies = [
        RetryPolicy(),
        RetryPolicy(attempts=1),
        RetryPolicy(attempts=4),
        RetryPolicy(attempts=1, throttled_attempts=2),
        RetryPolicy(throttled_attempts=7),
        RetryPolicy.never(),
        attrs.evolve(RetryPolicy(attempts=4), base=1.0),
    ]

    assert [(3, 5), (1, 1), (4, 4), (1, 2), (3, 7), (1, 1), (4, 4)] == [
        (policy.attempts, policy.throttled_attempts) for policy in policies
    ]


def test_a_view_takes_every_option() -> None:
    """`with_options` has a parameter for each field of the options of a call."""
    parameters = {*inspect.signature(CloudFlow.with_options).parameters} - {"self"}

    assert {field.name for field in attrs.fields(Options)} == parameters


async def _some() -> AsyncIterator[str]:
    yield "workflow.failed"


@pytest.mark.parametrize("kind", [list, tuple, iter, frozenset, dict.fromkeys])
async def test_a_list_may_be_any_iterable(kind: Callable[[list[str]], Any]) -> None:
    """Lists, tuples, sets, keys and iterators are read once; texts and mappings are no lists."""
    given = kind(["execution_count"])

    async with _client() as cf:
        with pytest.raises(TransportError):  # nothing listens, but it was taken
            await cf.analytics.workflow_metrics(
                "wf_1", period="7d", metrics=given.keys() if isinstance(given, dict) else given
            )


async def test_an_asynchronous_iterable_is_no_list() -> None:
    """The message says to read it first."""
    with pytest.raises(InvalidArgumentError, match="Read an asynchronous one first"):
        await _webhook(events=_some())


@pytest.mark.parametrize("slices", ["1d", "auto", timedelta(hours=6)])
def test_a_sliced_fan_out_needs_no_event_loop(slices: Any) -> None:
    """What is only constructed asks for no running loop."""
    fan_out = _fan_out(start_date=datetime(2026, 1, 20, tzinfo=UTC), slices=slices)

    assert 0 == fan_out.report.rows


@pytest.mark.parametrize(
    "use",
    [
        lambda: _get(workflow_id="wf_1"),
        _request,
        lambda: anext(aiter(_workflows())),
        lambda: _workflows().collect(),
        lambda: _enter(_client()),
        _wait,
        lambda: _first_row(_fan_out()),
        lambda: LocalLimiter().acquire(),
        lambda: _oauth(redirect_uri="http://127.0.0.1/callback").token(),
    ],
    ids=["get", "request", "list", "collect", "enter", "wait", "fan_out", "limiter", "oauth"],
)
def test_without_asyncio_the_error_says_that_it_is_needed(use: Callable[[], Any]) -> None:
    """Under another library's event loop, a call raises one clear error of ours."""
    work = use()
    runner = work.__await__() if not inspect.iscoroutine(work) else work
    with pytest.raises(WrongLoopError, match="needs asyncio") as caught:
        runner.send(None)

    assert isinstance(caught.value, InvalidStateError)


async def _enter(client: Any) -> None:
    async with client:
        raise AssertionError


async def _first_row(fan_out: Any) -> None:
    async with fan_out:
        await anext(aiter(fan_out))


async def test_a_wrong_state_is_a_runtime_error() -> None:
    """What is wrong about when a call comes is no matter of its arguments."""
    client = _client()
    await client.close()

    with pytest.raises(RuntimeError, match="is closed") as caught:
        await client.workflows.get("wf_1")
    assert not isinstance(caught.value, ValueError)
    assert asyncio.get_running_loop().is_running()

"""Whether and when to try again: a table, a formula and a budget."""

from __future__ import annotations

import random

import pytest

from cloudflow_async._core.errors import (
    AuthenticationError,
    BadRequestError,
    ClientClosedError,
    CloudFlowError,
    CredentialError,
    DeadlineExceededError,
    DecodeError,
    InvalidArgumentError,
    RateLimitedError,
    RequestTimeoutError,
    ResponseTooLargeError,
    ServerError,
    TransportError,
    UnexpectedRedirectError,
)
from cloudflow_async._core.http.retry import RetryBudget, RetryPolicy, is_throttle, leaves_open

SAFE = ("GET", "HEAD", "PUT", "DELETE")
UNSAFE = ("POST", "PATCH")
POLICY = RetryPolicy(chance=lambda: 1.0)

NOT_SENT = TransportError("refused", sent=False)
CUT = TransportError("cut")
LATE = RequestTimeoutError("late")
UNTRUSTED = TransportError("certificate", sent=False, retryable=False)
LARGE = ResponseTooLargeError("large", retryable=False)
DAMAGED = DecodeError("cut", retryable=True)
WRONG = DecodeError("NaN")
MOVED = UnexpectedRedirectError("moved", status=302)


def status(number: int, **attributes: object) -> CloudFlowError:
    """Return the error of a status."""
    classes = {429: RateLimitedError, 401: AuthenticationError}
    cls = classes.get(number, ServerError if number >= 500 else BadRequestError)
    return cls(str(number), status=number, **attributes)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", SAFE + UNSAFE)
@pytest.mark.parametrize("error", [NOT_SENT, status(429)], ids=str)
def test_what_was_not_carried_out_is_tried_again(method: str, error: CloudFlowError) -> None:
    """Whatever the method is."""
    assert POLICY.delay(method, error, 1) is not None


@pytest.mark.parametrize(
    "error",
    [CUT, LATE, DAMAGED, status(500), status(502), status(503), status(504)],
    ids=str,
)
def test_what_may_have_been_carried_out_is_tried_again_if_that_does_no_harm(
    error: CloudFlowError,
) -> None:
    """GET, HEAD, PUT and DELETE are; POST and PATCH are not."""
    again = [method for method in SAFE + UNSAFE if POLICY.delay(method, error, 1) is not None]

    assert list(SAFE) == again


@pytest.mark.parametrize("method", SAFE + UNSAFE)
@pytest.mark.parametrize(
    "error",
    [
        *(
            status(number)
            for number in (400, 401, 402, 403, 404, 405, 408, 409, 422, 428, 501, 505)
        ),
        UNTRUSTED,
        LARGE,
        WRONG,
        MOVED,
        CredentialError("none"),
        ClientClosedError("closed"),
        DeadlineExceededError("late"),
    ],
    ids=str,
)
def test_what_would_end_the_same_is_not_tried_again(method: str, error: CloudFlowError) -> None:
    """Other statuses, untrusted certificates, wrong answers, our own refusals."""
    assert POLICY.delay(method, error, 1) is None


@pytest.mark.parametrize(
    "code", ["quota_exceeded", "duplicate_resource", "workflow_execution_failed"]
)
@pytest.mark.parametrize("number", [429, 500, 503])
def test_some_codes_are_final_under_any_status(code: str, number: int) -> None:
    """API document, Error Codes: asking again gives the same answer."""
    assert POLICY.delay("GET", status(number, code=code), 1) is None


def test_the_caller_can_say_that_repeating_does_no_harm() -> None:
    """Then a POST is tried again as a GET is, or a GET as a POST."""
    assert POLICY.delay("POST", CUT, 1, repeatable=True) is not None
    assert POLICY.delay("GET", CUT, 1, repeatable=False) is None


@pytest.mark.parametrize(
    ("error", "most"),
    [(status(500), 3), (CUT, 3), (status(503), 5), (status(429), 5), (DAMAGED, 2)],
    ids=str,
)
def test_attempts_are_counted(error: CloudFlowError, most: int) -> None:
    """Three; five where the server asks for patience; two for a damaged answer."""
    sent = 1
    while POLICY.delay("GET", error, sent) is not None:
        sent += 1

    assert most == sent


def test_a_policy_can_be_to_send_once() -> None:
    """Nothing is tried again then, not even what was never sent."""
    assert RetryPolicy.never().delay("GET", NOT_SENT, 1) is None
    assert RetryPolicy.never().delay("GET", status(429), 1) is None
    assert RetryPolicy(attempts=1).delay("GET", DAMAGED, 1) is None


def test_the_longest_wait_doubles_up_to_the_cap() -> None:
    """0.5, 1, 2... and never more than 20 seconds, however many attempts."""
    policy = RetryPolicy(attempts=10_000, chance=lambda: 1.0)
    waits = [policy.delay("GET", CUT, attempt) for attempt in (1, 2, 3, 6, 7, 100, 5_000)]

    assert [0.5, 1.0, 2.0, 16.0, 20.0, 20.0, 20.0] == waits


def test_waits_are_spread_evenly() -> None:
    """Full jitter: from nothing to the longest, half of it in the mean."""
    policy = RetryPolicy(attempts=9, chance=random.Random(1).random)
    waits = [policy.delay("GET", CUT, 3) or 0.0 for _ in range(10_000)]

    assert 1.0 == pytest.approx(sum(waits) / len(waits), rel=0.02)
    assert 2.0 >= max(waits)
    assert 0.01 > min(waits)


def test_the_wait_of_a_server_is_a_lower_bound() -> None:
    """Our own may be longer, never shorter."""
    assert 42.0 == POLICY.delay("GET", status(429, retry_after=42.0), 1)
    assert 0.5 == POLICY.delay("GET", status(503, retry_after=0.1), 1)
    assert 0.5 == POLICY.delay("GET", status(429, retry_after=0.0), 1)


def test_a_wait_beyond_patience_is_refused() -> None:
    """120 seconds are waited for; of a longer wait the caller hears at once."""
    assert 120.0 == POLICY.delay("GET", status(429, retry_after=120.0), 1)
    assert POLICY.delay("GET", status(429, retry_after=120.5), 1) is None
    assert POLICY.delay("GET", status(503, retry_after=1e9), 1) is None


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"throttled_attempts": 0},
        {"base": 0},
        {"base": float("nan")},
        {"cap": 0},
        {"cap": -1},
        {"max_retry_after": -0.5},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(options: dict[str, float]) -> None:
    """When it is made, not when the first call fails."""
    with pytest.raises(InvalidArgumentError):
        RetryPolicy(**options)  # type: ignore[arg-type]


def test_a_policy_is_shown_by_its_figures() -> None:
    """Without the function that draws: it says nothing."""
    shown = "attempts=3, throttled_attempts=5, base=0.5, cap=20.0, max_retry_after=120.0"

    assert f"RetryPolicy({shown})" == repr(RetryPolicy())


def test_the_figures_of_a_policy_are_named() -> None:
    """Bare numbers would be read as something else by whoever comes next."""
    with pytest.raises(TypeError):
        RetryPolicy(3)  # type: ignore[call-arg]


def test_a_policy_may_have_no_patience_and_a_short_cap() -> None:
    """Then any wait that a server asks for ends the call."""
    policy = RetryPolicy(base=0.1, cap=0.1, max_retry_after=0, chance=lambda: 1.0)

    assert policy.delay("GET", status(429, retry_after=0.1), 1) is None
    assert 0.1 == policy.delay("GET", status(429, retry_after=0.0), 1)


def spend_all(error: CloudFlowError) -> int:
    """Return how many retries a full budget pays."""
    budget, retries = RetryBudget(), 0
    while budget.spend(error) is not None:
        retries += 1
    return retries


def test_the_budget_ends_retry_storms() -> None:
    """500 tokens: 35 retries against a dead service, 100 against one that throttles."""
    assert 35 == spend_all(status(503)) == spend_all(CUT)
    assert 100 == spend_all(status(429))


def test_what_cannot_be_paid_costs_nothing() -> None:
    """A throttle retry may still be paid from what a transient one found too little."""
    budget = RetryBudget()
    budget.tokens = 13

    assert budget.spend(CUT) is None
    assert 5 == budget.spend(status(429))
    assert 8 == budget.tokens


def test_success_brings_the_tokens_back() -> None:
    """What the last retry cost, or one token; never beyond the capacity."""
    budget = RetryBudget()
    budget.refund(0)

    assert 500 == budget.tokens

    budget.tokens = 0
    budget.refund(14)
    budget.refund(0)

    assert 15 == budget.tokens

    for _ in range(500):
        budget.refund(0)

    assert 500 == budget.tokens


def test_throttling_is_429_and_503() -> None:
    """Only there does a server ask for patience."""
    errors = [status(number) for number in (400, 429, 500, 502, 503, 504)]

    assert [False, True, False, False, True, False] == [is_throttle(error) for error in errors]
    assert not is_throttle(CUT)


@pytest.mark.parametrize(
    ("error", "is_open"),
    [
        (NOT_SENT, False),
        (UNTRUSTED, False),
        (CUT, True),
        (LATE, True),
        (LARGE, True),
        (DAMAGED, True),
        (WRONG, True),
        (MOVED, True),
        (status(500), True),
        (status(502), True),
        (status(503), True),
        (status(504), True),
        (status(501), False),
        (status(429), False),
        (status(400), False),
        (status(401), False),
        (CredentialError("none"), False),
    ],
    ids=str,
)
def test_some_failures_leave_open_whether_it_was_done(error: CloudFlowError, is_open: bool) -> None:
    """A refusal says no; silence, damage and a failing server say nothing."""
    assert is_open == leaves_open(error)

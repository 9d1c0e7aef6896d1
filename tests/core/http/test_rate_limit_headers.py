"""The families of headers in which servers say what is left, and their malformed neighbours."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from cloudflow_async._core.http.rate_limit_headers import read_budget
from cloudflow_async._core.messages import RateLimitSeen, Reply

NOW = 1_769_251_500.0
"""2026-01-24T10:45:00Z."""

DRAFT_6 = {
    "RateLimit-Limit": "100",
    "RateLimit-Remaining": "50",
    "RateLimit-Reset": "30",
    "RateLimit-Policy": "100;w=60",
}
DRAFT_7 = {"RateLimit": "limit=100, remaining=50, reset=30", "RateLimit-Policy": "100;w=60"}
DRAFT_8 = {"RateLimit": '"default";r=50;t=30', "RateLimit-Policy": '"default";q=100;w=60'}
X_HEADERS = {
    "X-RateLimit-Limit": "90",
    "X-RateLimit-Remaining": "40",
    "X-RateLimit-Reset": "20",
}


def read(*lines: tuple[str, str], status: int = 200, **headers: str) -> RateLimitSeen:
    """Return what an answer with these headers says."""
    every = CIMultiDict(lines, **{name.replace("_", "-"): text for name, text in headers.items()})
    return read_budget(
        Reply(status=status, headers=CIMultiDictProxy(every), body=b"", elapsed=0.0), {}
    )


def read_ratelimit(text: str, policy: str | None = None) -> tuple[int | None, ...]:
    """Return limit, remaining and reset of a `RateLimit` header."""
    lines = [("RateLimit", text)] + ([] if policy is None else [("RateLimit-Policy", policy)])
    seen = read(*lines)
    return seen.limit, seen.remaining, None if seen.reset is None else int(seen.reset)


@pytest.mark.parametrize("headers", [DRAFT_6, DRAFT_7, DRAFT_8], ids=["6", "7", "8"])
def test_the_headers_of_each_draft_are_read(headers: dict[str, str]) -> None:
    """They say the same in three ways."""
    expected = RateLimitSeen(limit=100, remaining=50, reset=30.0, window=60.0)

    assert expected == read(*headers.items())
    assert expected == read_budget(Reply(status=200, headers=headers, body=b"", elapsed=0.0), {})


def test_what_express_rate_limit_sends_is_read() -> None:
    """With spaces, partition keys, and a line for each limiter."""
    seen = read(
        ("RateLimit-Policy", '"100-in-1min"; q=100; w=60; pk=:YWJjZGVmZ2hpamts:'),
        ("RateLimit", '"100-in-1min"; r=50; t=30'),
        ("RateLimit-Policy", '"10-in-1sec"; q=10; w=1; pk=:YWJjZGVmZ2hpamts:'),
        ("RateLimit", '"10-in-1sec"; r=7; t=1'),
    )

    assert RateLimitSeen(limit=10, remaining=7, reset=1.0, window=1.0) == seen


@pytest.mark.parametrize(
    ("headers", "remaining"),
    [
        ({**DRAFT_8, **X_HEADERS}, 40),
        ({**DRAFT_8, **DRAFT_6, "RateLimit-Remaining": "60"}, 50),
        ({**DRAFT_8, "X-RateLimit-Limit": "90"}, 50),
        ({**DRAFT_6, "X-RateLimit-Remaining": "many"}, 50),
        ({**DRAFT_6, "RateLimit": "broken;"}, 50),
    ],
)
def test_the_first_family_that_says_what_remains_is_used(
    headers: dict[str, str], remaining: int
) -> None:
    """X-RateLimit, then RateLimit, then RateLimit-Remaining."""
    assert remaining == read(*headers.items()).remaining


def test_values_of_two_families_are_not_mixed() -> None:
    """A limit of the one says nothing about what remains of the other."""
    seen = read(("X-RateLimit-Limit", "90"), ("RateLimit", '"default";r=50;t=30'))

    assert RateLimitSeen(remaining=50, reset=30.0) == seen
    assert RateLimitSeen(limit=90) == read(("X-RateLimit-Limit", "90"))


@pytest.mark.parametrize(
    ("text", "policy", "expected"),
    [
        ('"burst";r=8;t=1, "daily";r=4998;t=69076', None, (None, 8, 1)),
        ('"burst";r=8;t=1, "daily";r=3;t=69076', '"daily";q=5000;w=86400', (5000, 3, 69076)),
        ('"a";r=0;t=5, "b";r=0;t=40, "c";r=0', None, (None, 0, 40)),
        ("default;r=50;t=30", "default;q=100;w=60", (100, 50, 30)),
        ('"default";r=50', '"other";q=100;w=60', (None, 50, None)),
        ('"default";t=30;r=50;x;y=?1;z="a\\"b,c;r=1"', None, (None, 50, 30)),
        (
            '"bytes";r=1;t=9, "all";r=50;t=30',
            '"bytes";q=10;qu="content-bytes", "all";q=100;qu="requests"',
            (100, 50, 30),
        ),
        ('"resolvers";r=0;t=52', '"fixed window";"resolvers";q=3000;w=300', (None, 0, 52)),
        ("limit=10, remaining=0, reset=7", None, (10, 0, 7)),
        ("limit=10, remaining=x, reset=7", None, (None, None, None)),
    ],
)
def test_the_tightest_policy_applies(
    text: str, policy: str | None, expected: tuple[int | None, ...]
) -> None:
    """The least left; of two with the same, the later reset; policies of other units do not."""
    assert expected == read_ratelimit(text, policy)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "50",
        '"default"',
        '"default";r=-1;t=30',
        '"default";r=1.5',
        '"default";r=many',
        '"default";r="5"',
        '"default";r=5;',
        '"default";r=5,',
        '"default;r=5',
        '"default";r=5 6',
        '"default";r=5;t=30, !',
        "default;R=5",
        '"d";r=9999999999999',
        "remaining=-5",
        "remaining=5;",
        "r=5",
        "٣;r=5",
        '"' * 4000,
        "a;a" * 2000 + '"',
    ],
    ids=lambda text: text[:20],
)
def test_a_malformed_ratelimit_is_absent(text: str) -> None:
    """RFC 9651, 4.2: the whole field is ignored; so are counts that are none."""
    assert (None, None, None) == read_ratelimit(text)


@pytest.mark.parametrize(
    ("policy", "window"),
    [
        ("100;w=60", 60.0),
        ("5000;w=86400, 100;w=60;comment=x", 60.0),
        ("50;w=60", None),
        ("100", None),
        ("100;w=soon", None),
        ("100;w=60,", None),
        ("", None),
    ],
)
def test_the_window_of_drafts_6_and_7_is_that_of_the_policy_with_the_limit(
    policy: str, window: float | None
) -> None:
    """A list may have other policies as well."""
    assert window == read(*{**DRAFT_6, "RateLimit-Policy": policy}.items()).window
    assert window == read(*{**DRAFT_7, "RateLimit-Policy": policy}.items()).window


def test_a_window_without_a_limit_is_not_known() -> None:
    """No policy says that it is the one."""
    assert read(("RateLimit-Remaining", "5"), ("RateLimit-Policy", "100;w=60")).window is None


@pytest.mark.parametrize("text", ["1769251530", "-1", "soon"])
def test_the_resets_of_the_drafts_are_seconds_from_now(text: str) -> None:
    """A Unix time there is none of theirs."""
    assert read(*{**DRAFT_6, "RateLimit-Reset": text}.items()).reset is None
    assert (None, 50, None) == read_ratelimit(f'"default";r=50;t={text}')


@pytest.mark.parametrize(
    ("text", "reset"),
    [
        ("1769251500", NOW),
        ("1769251500.25", NOW + 0.25),
        ("1769251500000", NOW),
        ("1769251500250", NOW + 0.25),
        ("1769251500250000", NOW + 0.25),
        ("2026-01-24T10:45:00Z", NOW),
        ("2026-01-24t10:45:00z", NOW),
        ("2026-01-24T10:45:00.250Z", NOW + 0.25),
        ("2026-01-24T11:45:00+01:00", NOW),
        ("2026-01-24 10:45", NOW),
        ("Sat, 24 Jan 2026 10:45:00 GMT", NOW),
        ("10000000000", None),
        ("999999999999", None),
        ("10000000000000", None),
        ("10000000000000000", None),
        ("9" * 26, None),
        ("2026-13-24T10:45:00Z", None),
        ("2026-01-24", None),
        ("1926-01-24T10:45:00Z", None),
        ("Sat Jan 24 2026 11:45:00 GMT+0100 (Central European Standard Time)", None),
        ("Sat, 99 Jan 2026 10:45:00 GMT", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_a_reset_is_read_in_the_units_and_forms_that_servers_send(
    text: str, reset: float | None
) -> None:
    """Seconds, milliseconds and microseconds by their size, and dates."""
    assert reset == read(X_RateLimit_Reset=text).reset


def test_the_wait_of_a_429_comes_from_each_family() -> None:
    """Where neither `Retry-After` nor the body says it; a time farther off is a mistake."""
    date = "Sat, 24 Jan 2026 10:45:00 GMT"

    assert 30.0 == read(("RateLimit", '"default";r=0;t=30'), status=429).retry_after
    assert 30.0 == read(X_RateLimit_Reset="1769251530000", Date=date, status=429).retry_after
    assert read(("RateLimit", '"daily";r=0;t=69076'), status=429).retry_after is None

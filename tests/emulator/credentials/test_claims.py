"""The claims of a signed token; what is refused stands in `forged_tokens.py`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflow_async.emulator.credentials.claims import (
    REQUIRED,
    check_parties,
    check_presence,
    check_times,
    read_scopes,
)
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.credentials.jws import JwtRefused
from tests.emulator.conftest import NOON
from tests.emulator.forged_tokens import good_claims

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


def test_the_documented_claims_are_required() -> None:
    """All six, and no others."""
    check_presence(dict.fromkeys(REQUIRED))

    assert set(REQUIRED) == set(good_claims(NOON))


@pytest.mark.parametrize(
    ("issued_at", "expires_at"), [(0, 3600), (-3599, 1), (60, 3660), (0, 1), (60, 61)]
)
def test_times_are_accepted_up_to_their_limits(issued_at: int, expires_at: int) -> None:
    """An hour of life, the last second of it, and a clock that is a minute ahead."""
    claims = {"iat": NOON + issued_at, "exp": NOON + expires_at}
    check_times(claims, NOON)
    check_times({**claims, "nbf": NOON + 60}, NOON)

    with pytest.raises(JwtRefused, match="expired"):
        check_times(claims, NOON + expires_at)


def test_scopes_are_read_one_by_one() -> None:
    """All of them, one twice, and none."""
    assert read_scopes({"scope": " ".join(SCOPES)}) == set(SCOPES)
    assert read_scopes({"scope": "workflows:read workflows:read"}) == {"workflows:read"}
    assert read_scopes({"scope": ""}) == set()


@given(st.fixed_dictionaries(dict.fromkeys(REQUIRED, VALUES)))
def test_any_value_is_accepted_or_refused_in_one_way(claims: dict[str, object]) -> None:
    """No other exception leaves."""
    refused = 0
    for check in (check_parties, lambda claims: check_times(claims, NOON), read_scopes):
        try:
            check(claims)
        except JwtRefused:
            refused += 1

    assert refused >= 2

"""Codes, access and refresh tokens, and how they die."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.base.oauth_errors import TokenError
from cloudflow_async.emulator.credentials.identities import SCOPES
from cloudflow_async.emulator.credentials.tokens import (
    CODE_SECONDS,
    REFRESH_SECONDS,
    TOKEN_SECONDS,
    Grant,
    IssuedTokens,
    TokenBook,
)
from tests.emulator.oauth_flow import CHALLENGE, VERIFIER

URI = "https://app.example/callback"


def new_grant(*, refresh: bool = True) -> Grant:
    """Return what a person allowed an application."""
    scopes = frozenset({"workflows:read", "pipelines:read"})
    return Grant(subject="ada", client_id="app", scopes=scopes, refresh=refresh)


def issue_code(book: TokenBook, grant: Grant | None = None, *, now: float = 0.0) -> str:
    """Return a code for a grant."""
    return book.issue_code(grant or new_grant(), redirect_uri=URI, challenge=CHALLENGE, now=now)


def exchange(
    book: TokenBook,
    code: str,
    *,
    client_id: str = "app",
    redirect_uri: str = URI,
    verifier: str = VERIFIER,
    now: float = 0.0,
) -> IssuedTokens:
    """Exchange a code as it should be."""
    return book.exchange(
        code, client_id=client_id, redirect_uri=redirect_uri, verifier=verifier, now=now
    )


def refresh(
    book: TokenBook,
    tokens: IssuedTokens,
    *scopes: str,
    client_id: str = "app",
    now: float = 0.0,
) -> IssuedTokens:
    """Use the refresh token among issued tokens."""
    text = tokens.refresh_token or ""
    return book.refresh(text, client_id=client_id, scopes=scopes or None, now=now)


def test_tokens_repeat_with_the_seed() -> None:
    """They can be told apart by their beginnings."""
    one, same, other = (
        exchange(book, issue_code(book)) for book in (TokenBook(7), TokenBook(7), TokenBook(8))
    )

    assert one == same
    assert one != other
    assert one.access_token.startswith("cfat_")
    assert (one.refresh_token or "").startswith("cfrt_")


def test_issued_tokens_do_not_show_themselves() -> None:
    """Neither of the two."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book))

    assert tokens.access_token not in repr(tokens)
    assert (tokens.refresh_token or "") not in repr(tokens)


def test_a_token_stands_for_a_person_and_a_client() -> None:
    """All tokens of both share a budget; another client's do not."""
    book = TokenBook(0)
    first, second = (exchange(book, issue_code(book)).access_token for _ in range(2))
    other = book.add("workflows:read", subject="ada", now=0)
    identities = [book.find(text, 0) for text in (first, second, other)]

    assert [one and one.name for one in identities] == ["ada via app", "ada via app", "ada"]
    assert [sorted(one.scopes) for one in identities[1:] if one] == [
        ["pipelines:read", "workflows:read"],
        ["workflows:read"],
    ]
    assert identities[0] == identities[1]
    assert len({one.budget for one in identities if one}) == 2


def test_a_token_can_be_made_without_a_flow() -> None:
    """With its own account and lifetime."""
    book = TokenBook(0)
    text = book.add(*SCOPES, subject="eve", account="acme", expires_in=10, now=100)
    identity = book.find(text, 109.9)

    assert identity is not None
    assert (identity.name, identity.account) == ("eve", "acme")
    assert book.find(text, 110) is None


def test_a_token_with_an_undocumented_scope_is_not_made() -> None:
    """The error names those that there are."""
    with pytest.raises(ValueError, match="workflows:delete"):
        TokenBook(0).add("workflows:delete", subject="eve", now=0)


def test_access_tokens_end_after_an_hour() -> None:
    """`Token Expiration`: 3600 seconds, and not one longer."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book, now=1000), now=1000)
    found = [book.find(tokens.access_token, 1000 + age) for age in (0, 3599.9, 3600, 1e9)]

    assert tokens.expires_in == TOKEN_SECONDS == 3600
    assert [one is not None for one in found] == [True, True, False, False]


def test_only_the_very_token_is_found() -> None:
    """Refresh tokens and codes give no access."""
    book = TokenBook(0)
    code = issue_code(book)
    tokens = exchange(book, code)
    wrong = ["", tokens.access_token[:-1], tokens.access_token.upper(), code, "ключ", "\udcff"]

    assert [book.find(text, 0) for text in [*wrong, tokens.refresh_token or ""]] == [None] * 7


@pytest.mark.parametrize(("age", "accepted"), [(59.9, True), (CODE_SECONDS, False), (3600, False)])
def test_a_code_lives_for_a_minute(age: float, *, accepted: bool) -> None:
    """And not one moment longer."""
    book = TokenBook(0)
    code = issue_code(book, now=100)
    if accepted:
        assert exchange(book, code, now=100 + age).access_token
        return
    with pytest.raises(TokenError, match="invalid_grant: the code has expired"):
        exchange(book, code, now=100 + age)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": "other"}, "unknown to this client"),
        ({"redirect_uri": URI + "/"}, "redirect_uri"),
        ({"redirect_uri": ""}, "redirect_uri"),
        ({"verifier": VERIFIER[:-1] + "j"}, "code_verifier"),
        ({"verifier": CHALLENGE}, "code_verifier"),
    ],
)
def test_a_code_is_worth_something_only_with_all_that_belongs_to_it(
    changes: dict[str, str], reason: str
) -> None:
    """Client, redirect URI, verifier."""
    book = TokenBook(0)
    with pytest.raises(TokenError, match=f"invalid_grant: .*{reason}"):
        exchange(book, issue_code(book), **changes)  # type: ignore[arg-type]


def test_a_failed_attempt_spends_the_code() -> None:
    """There is no guessing the verifier."""
    book = TokenBook(0)
    code = issue_code(book)
    with pytest.raises(TokenError, match="code_verifier"):
        exchange(book, code, verifier=CHALLENGE)
    with pytest.raises(TokenError, match="used before"):
        exchange(book, code)


def test_another_client_cannot_spend_a_code() -> None:
    """To it the code does not exist."""
    book = TokenBook(0)
    code = issue_code(book)
    with pytest.raises(TokenError, match="unknown to this client"):
        exchange(book, code, client_id="other")

    assert exchange(book, code).access_token


def test_a_code_that_comes_twice_takes_its_tokens_with_it() -> None:
    """Those that were refreshed meanwhile too, however late it comes."""
    book = TokenBook(0)
    code = issue_code(book)
    first = exchange(book, code)
    second = refresh(book, first)
    with pytest.raises(TokenError, match="used before"):
        exchange(book, code, now=TOKEN_SECONDS - 1)

    assert [book.find(tokens.access_token, 1) for tokens in (first, second)] == [None, None]
    with pytest.raises(TokenError, match="revoked"):
        refresh(book, second)


def test_checking_a_code_does_not_spend_it() -> None:
    """But it notices the second time as the exchange does."""
    book = TokenBook(0)
    code = issue_code(book)
    book.check_code(code, client_id="app")
    tokens = exchange(book, code)
    with pytest.raises(TokenError, match="used before"):
        book.check_code(code, client_id="app")

    assert book.find(tokens.access_token, 0) is None


def test_a_grant_without_refresh_brings_no_refresh_token() -> None:
    """Only the access token."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book, new_grant(refresh=False)))

    assert tokens.refresh_token is None
    assert book.find(tokens.access_token, 0)


def test_refresh_tokens_rotate() -> None:
    """Each brings the next; the access tokens before it live on until their own end."""
    book = TokenBook(0)
    tokens = [exchange(book, issue_code(book))]
    for _ in range(3):
        tokens.append(refresh(book, tokens[-1]))

    assert len({one.refresh_token for one in tokens}) == 4
    assert all(book.find(one.access_token, 0) for one in tokens)


def test_a_refresh_token_that_comes_twice_takes_its_family_with_it() -> None:
    """The newest tokens too; another family of the same person is not touched."""
    book = TokenBook(0)
    other = exchange(book, issue_code(book))
    first = exchange(book, issue_code(book))
    second = refresh(book, first)
    with pytest.raises(TokenError, match=r"invalid_grant: .*used before"):
        refresh(book, first)

    assert [book.find(one.access_token, 0) for one in (first, second)] == [None, None]
    with pytest.raises(TokenError, match=r"invalid_grant: .*revoked"):
        refresh(book, second)
    assert book.find(other.access_token, 0)
    assert refresh(book, other).access_token


def test_scopes_can_be_narrowed_and_come_back_with_the_next_refresh() -> None:
    """The grant stays what it was (RFC 6749, section 6)."""
    book = TokenBook(0)
    narrow = refresh(book, exchange(book, issue_code(book)), "workflows:read")
    identity = book.find(narrow.access_token, 0)

    assert identity is not None
    assert narrow.scopes == identity.scopes == {"workflows:read"}
    assert refresh(book, narrow).scopes == {"workflows:read", "pipelines:read"}


def test_scopes_cannot_be_widened() -> None:
    """The attempt costs nothing."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book))
    with pytest.raises(TokenError, match="invalid_scope"):
        refresh(book, tokens, "workflows:read", "workflows:write")

    assert refresh(book, tokens).access_token


def test_a_refresh_token_is_of_one_client() -> None:
    """To others it does not exist."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book))
    with pytest.raises(TokenError, match="unknown to this client"):
        refresh(book, tokens, client_id="other")

    assert refresh(book, tokens).access_token


def test_a_refresh_token_that_nobody_uses_ends() -> None:
    """After thirty days."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book))
    with pytest.raises(TokenError, match="has expired"):
        refresh(book, tokens, now=REFRESH_SECONDS)

    assert refresh(book, tokens, now=REFRESH_SECONDS - 1).access_token


def test_revoking_an_access_token_ends_this_one() -> None:
    """The refresh token brings another."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book))
    book.revoke(tokens.access_token)

    assert book.find(tokens.access_token, 0) is None
    assert book.find(refresh(book, tokens).access_token, 0)


def test_revoking_a_refresh_token_ends_its_family() -> None:
    """An old one will do, and twice is no error."""
    book = TokenBook(0)
    first = exchange(book, issue_code(book))
    second = refresh(book, first)
    for _ in range(2):
        book.revoke(first.refresh_token or "")

    assert [book.find(one.access_token, 0) for one in (first, second)] == [None, None]
    with pytest.raises(TokenError, match="revoked"):
        refresh(book, second)


def test_revoking_what_was_never_issued_is_an_error() -> None:
    """It does not repeat what it was given."""
    with pytest.raises(ValueError, match="no such token") as caught:
        TokenBook(0).revoke("cfat_secret")

    assert "cfat_secret" not in str(caught.value)


def test_tokens_of_a_year_do_not_pile_up() -> None:
    """A client that refreshes every hour leaves a month of memory, not a year of it."""
    book = TokenBook(0)
    tokens = exchange(book, issue_code(book))
    for hour in range(365 * 24):
        tokens = refresh(book, tokens, now=3600.0 * hour)

    assert len(book._access_tokens) <= 64
    assert len(book._refresh_tokens) <= 2 * 30 * 24

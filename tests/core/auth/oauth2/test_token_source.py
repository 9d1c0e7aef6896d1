"""The token of the moment: memory, store and token endpoint, and what each may do wrong."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudflow_async._core.auth.oauth2.token_source import TokenSource
from cloudflow_async._core.auth.stores.file_store import FileTokenStore
from cloudflow_async._core.auth.stores.token_store import MemoryTokenStore, TokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import (
    CredentialError,
    InsecureFileError,
    ReauthenticationRequiredError,
    TokenRequestError,
    WrongLoopError,
)
from cloudflow_async._core.support.secret import Secret

pytestmark = pytest.mark.virtual_time

Clock = Callable[[], float]
Make = Callable[[TokenStore], TokenSource]

SCOPES = frozenset({"workflows:read"})
LIFE = 3600.0


@attrs.define(eq=False)
class Endpoint:
    """A token endpoint that rotates, takes a second, and ends the login when it is fooled."""

    clock: Clock
    generation: int = 1
    revoked: bool = False
    life: float | None = LIFE
    delay: float = 1.0
    sent: list[str] = attrs.field(factory=list)
    failures: list[BaseException] = attrs.field(factory=list)
    meanwhile: Callable[[], Any] | None = None

    def token(self, generation: int = 1, life: float | None = None) -> Token:
        """Return the n-th token of this login."""
        seconds = self.life if life is None else life
        return Token(
            access_token=f"access-{generation}",
            refresh_token=f"refresh-{generation}",
            expires_at=None if seconds is None else self.clock() + seconds,
            scopes=SCOPES,
        )

    async def refresh(self, token: Token) -> Token:
        """Return the next token for the newest refresh token, once."""
        assert token.refresh_token is not None
        given = token.refresh_token.reveal()
        self.sent.append(given)
        await asyncio.sleep(self.delay)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.failures:
            raise self.failures.pop(0)
        self.revoked = self.revoked or given != f"refresh-{self.generation}"
        if self.revoked:
            raise ReauthenticationRequiredError("The login was ended.")
        self.generation += 1
        return self.token(self.generation)


@attrs.define(eq=False)
class Store:
    """A store of somebody's own: it has no lock, and fails when it is told to."""

    kept: Token | None = None
    loads: int = 0
    saves: list[Token | None] = attrs.field(factory=list)
    broken_load: Exception | None = None
    broken_save: Exception | None = None
    broken_lock: Exception | None = None

    async def load(self) -> Token | None:
        """Return what is kept."""
        self.loads += 1
        if self.broken_load is not None:
            raise self.broken_load
        return self.kept

    async def save(self, token: Token | None) -> None:
        """Keep something."""
        if self.broken_save is not None:
            raise self.broken_save
        self.saves.append(token)
        self.kept = token

    def locked(self) -> AbstractAsyncContextManager[None]:
        """Keep nobody out."""
        if self.broken_lock is not None:
            raise self.broken_lock
        return contextlib.nullcontext()


@pytest.fixture
def endpoint(virtual_clock: Clock) -> Endpoint:
    """Return an endpoint on the test's clock."""
    return Endpoint(virtual_clock)


@pytest.fixture
async def make(endpoint: Endpoint) -> AsyncIterator[Make]:
    """Return what makes sources of one endpoint; at the end their refreshes are waited for."""
    made: list[TokenSource] = []

    def make(store: TokenStore) -> TokenSource:
        made.append(TokenSource(store=store, endpoint=endpoint, clock=endpoint.clock))
        return made[-1]

    yield make
    for source in made:
        await source.settled()


async def access(source: TokenSource) -> str:
    """Return the access token of the moment."""
    return (await source.token()).access_token.reveal()


# --- where it comes from


async def test_the_store_is_read_once(make: Make, endpoint: Endpoint) -> None:
    """A thousand who ask at once cost one look; later ones none."""
    store = Store(endpoint.token())
    source = make(store)
    found = await asyncio.gather(*(access(source) for _ in range(1000)))

    assert {"access-1"} == {*found, await access(source)}
    assert (1, []) == (store.loads, endpoint.sent)
    assert source.held is store.kept


async def test_nothing_in_the_store_asks_for_a_login(make: Make, tmp_path: Path) -> None:
    """With the names of what logs in; and looking leaves nothing on the disk."""
    source = make(FileTokenStore(tmp_path / "cloudflow" / "token.json"))
    with pytest.raises(
        ReauthenticationRequiredError,
        match=r"Nobody is logged in: run `cloudflow login`, or .*login\(\)",
    ):
        await source.token()

    assert source.held is None
    assert [] == os.listdir(tmp_path)


async def test_a_login_elsewhere_is_noticed(make: Make, endpoint: Endpoint) -> None:
    """The store is looked at again, at most once a second."""
    store = Store()
    source = make(store)
    for _ in range(100):
        with pytest.raises(ReauthenticationRequiredError):
            await source.token()
    looks = store.loads
    store.kept = endpoint.token()
    await asyncio.sleep(1.0)

    assert 1 == looks
    assert "access-1" == await access(source)


async def test_an_expired_token_is_refreshed_and_saved(make: Make, endpoint: Endpoint) -> None:
    """A thousand who ask cost one token request; what comes is in the store as well."""
    store = Store(endpoint.token(life=-1.0))
    source = make(store)
    found = await asyncio.gather(*(access(source) for _ in range(1000)))

    assert {"access-2"} == set(found)
    assert ["refresh-1"] == endpoint.sent
    assert [source.held] == store.saves


async def test_it_is_on_the_disk_before_it_is_used(
    make: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Whoever gets the new access token finds its refresh token in the file."""
    store = FileTokenStore(tmp_path / "token.json")
    await store.save(endpoint.token(life=-1.0))
    used = await make(store).token()

    assert "access-2" == used.access_token.reveal()
    assert used == await store.load()


async def test_a_new_token_is_refreshed_in_the_background(make: Make, endpoint: Endpoint) -> None:
    """From 90 to 60 seconds before its end; nobody waits, and it goes on meanwhile."""
    source = make(MemoryTokenStore(endpoint.token(life=-1.0)))
    await source.token()
    await asyncio.sleep(LIFE - 91.0)
    before = await access(source)
    await source.settled()
    idle = list(endpoint.sent)
    await asyncio.sleep(31.0)
    begun_at = endpoint.clock()
    during = await access(source)
    waited = endpoint.clock() - begun_at
    await source.settled()

    assert ("access-2", "access-2", 0.0) == (before, during, waited)
    assert ["refresh-1"] == idle
    assert ["refresh-1", "refresh-2"] == endpoint.sent
    assert "access-3" == await access(source)


async def test_shortly_before_its_end_the_refresh_is_waited_for(
    make: Make, endpoint: Endpoint
) -> None:
    """A request takes its time, and the server's clock may be a little ahead."""
    source = make(MemoryTokenStore(endpoint.token(life=-1.0)))
    await source.token()
    await asyncio.sleep(LIFE - 4.9)

    assert "access-3" == await access(source)


@pytest.mark.parametrize("life", [0.5, 5.0, 60.0, 300.0])
async def test_short_lives_are_used(make: Make, endpoint: Endpoint, life: float) -> None:
    """A server whose tokens last seconds is asked once a life, not for each call."""
    endpoint.life = life
    source = make(MemoryTokenStore(endpoint.token(life=-1.0)))
    await source.token()
    for _ in range(100):
        await source.token()
        await asyncio.sleep(life / 10)

    assert len(endpoint.sent) <= 1 + 100 / 7


async def test_a_failed_refresh_in_the_background_disturbs_nobody(
    make: Make, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """The token still lives: calls go on with it, the failure is logged, and is tried again."""
    source = make(MemoryTokenStore(endpoint.token(life=50.0)))
    endpoint.failures = [TokenRequestError("down", status=503, retryable=True)]
    found = set()
    for _ in range(25):
        found.add(await access(source))
        await asyncio.sleep(0.1)
    await source.settled()

    assert {"access-1"} == found
    assert ["refresh-1", "refresh-1"] == endpoint.sent
    assert ["refresh of a token failed in the background: down"] == caplog.messages
    assert "access-2" == await access(source)


async def test_the_end_of_a_login_takes_effect_with_the_end_of_its_token(
    make: Make, endpoint: Endpoint
) -> None:
    """A refused refresh in the background takes nothing away that still works."""
    store = Store(endpoint.token(life=50.0))
    endpoint.revoked = True
    source = make(store)
    await source.token()
    await source.settled()
    still = await access(source)
    await asyncio.sleep(50.0)
    with pytest.raises(ReauthenticationRequiredError, match="The login was ended"):
        await source.token()

    assert "access-1" == still
    assert ["refresh-1"] == endpoint.sent


async def test_without_a_refresh_token_its_end_asks_for_a_login(
    make: Make, virtual_clock: Clock
) -> None:
    """There is nothing to refresh with; up to then it is used."""
    source = make(MemoryTokenStore(Token(access_token="a", expires_at=virtual_clock() + 60.0)))
    await source.token()
    await asyncio.sleep(59.0)
    await source.token()
    await asyncio.sleep(1.0)

    with pytest.raises(ReauthenticationRequiredError, match=r"no refresh token.*log in again"):
        await source.token()


# --- refusals


async def test_a_refused_token_is_refreshed_whatever_the_clock_says(
    make: Make, endpoint: Endpoint
) -> None:
    """The server knows better; a thousand refusals cost one token request."""
    source = make(MemoryTokenStore(endpoint.token()))
    refused = (await source.token()).access_token
    answers = await asyncio.gather(*(source.renew(refused) for _ in range(1000)))

    assert {True} == set(answers)
    assert ["refresh-1"] == endpoint.sent
    assert "access-2" == await access(source)


async def test_nobody_uses_a_token_that_is_known_to_be_refused(
    make: Make, endpoint: Endpoint
) -> None:
    """Who asks while it is refreshed waits for the next one."""
    source = make(MemoryTokenStore(endpoint.token()))
    refused = (await source.token()).access_token
    renewing = asyncio.create_task(source.renew(refused))
    await asyncio.sleep(0.5)
    found = await access(source)
    await renewing

    assert "access-2" == found


async def test_a_late_refusal_of_an_old_token_changes_nothing(
    make: Make, endpoint: Endpoint
) -> None:
    """The call that brings it has another token to try already."""
    source = make(MemoryTokenStore(endpoint.token()))
    refused = (await source.token()).access_token

    assert await source.renew(refused)
    assert await source.renew(refused)
    assert ["refresh-1"] == endpoint.sent


async def test_a_fresh_token_that_is_refused_too_is_not_refreshed_again(
    make: Make, endpoint: Endpoint
) -> None:
    """It is not the token's fault; after ten seconds it may have worked, and is tried again."""
    source = make(MemoryTokenStore(endpoint.token()))
    await source.renew((await source.token()).access_token)
    at_once = await source.renew((await source.token()).access_token)
    requests = len(endpoint.sent)
    await asyncio.sleep(10.0)
    later = await source.renew((await source.token()).access_token)

    assert (False, 1) == (at_once, requests)
    assert (True, 2) == (later, len(endpoint.sent))


async def test_a_token_that_was_refreshed_in_time_may_be_refused_once(
    make: Make, endpoint: Endpoint
) -> None:
    """It answered no refusal, so one more is worth a try."""
    source = make(MemoryTokenStore(endpoint.token(life=-1.0)))
    token = await source.token()

    assert await source.renew(token.access_token)
    assert ["refresh-1", "refresh-2"] == endpoint.sent


async def test_what_was_refused_long_ago_is_no_excuse(make: Make, endpoint: Endpoint) -> None:
    """A token that came in time after it may be refused once, like any other."""
    source = make(MemoryTokenStore(endpoint.token()))
    await source.renew((await source.token()).access_token)
    await asyncio.sleep(LIFE)

    assert await source.renew((await source.token()).access_token)
    assert ["refresh-1", "refresh-2", "refresh-3"] == endpoint.sent


async def test_a_refused_token_that_cannot_be_refreshed_asks_for_a_login(make: Make) -> None:
    """Also when its end is not known."""
    source = make(MemoryTokenStore(Token(access_token="a")))
    refused = (await source.token()).access_token
    with pytest.raises(ReauthenticationRequiredError, match="was refused"):
        await source.renew(refused)

    with pytest.raises(ReauthenticationRequiredError):
        await source.token()


# --- failures of the token endpoint


async def test_a_failure_reaches_all_and_is_not_repeated_at_once(
    make: Make, endpoint: Endpoint
) -> None:
    """Each gets an error of its own; the endpoint is asked again after a second."""
    endpoint.failures = [TokenRequestError("down", status=500, retryable=True)]
    source = make(MemoryTokenStore(endpoint.token(life=-1.0)))
    errors = await asyncio.gather(*(source.token() for _ in range(1000)), return_exceptions=True)
    with pytest.raises(TokenRequestError):
        await source.token()
    requests = len(endpoint.sent)
    await asyncio.sleep(1.0)

    assert {TokenRequestError} == {type(error) for error in errors}
    assert 1000 == len({id(error) for error in errors})
    assert 1 == requests
    assert "access-2" == await access(source)


async def test_a_refused_refresh_token_ends_the_login_in_the_store(
    make: Make, endpoint: Endpoint
) -> None:
    """It is not sent again; the message of the server is told each time."""
    store = Store(endpoint.token(life=-1.0))
    endpoint.revoked = True
    source = make(store)
    for _ in range(3):
        with pytest.raises(ReauthenticationRequiredError, match=r"was ended\. To log in again"):
            await source.token()
        await asyncio.sleep(1.0)

    assert ["refresh-1"] == endpoint.sent
    assert store.kept is None


async def test_a_refused_refresh_token_is_not_sent_again_although_it_is_still_there(
    make: Make, endpoint: Endpoint
) -> None:
    """A store that cannot be cleared does not make it any better."""
    store = Store(endpoint.token(life=-1.0), broken_save=InsecureFileError("wrong mode"))
    endpoint.revoked = True
    source = make(store)
    for _ in range(3):
        with pytest.raises(ReauthenticationRequiredError, match="was ended"):
            await source.token()
        await asyncio.sleep(1.0)
        # As if it had been written by somebody who does not know.
        store.kept = None if store.kept is None else attrs.evolve(store.kept)

    assert ["refresh-1"] == endpoint.sent


async def test_a_refused_refresh_token_that_came_back_is_not_sent_again(
    make: Make, endpoint: Endpoint
) -> None:
    """Restored from a backup, say."""
    old = endpoint.token(life=-1.0)
    store = Store(old)
    endpoint.revoked = True
    source = make(store)
    with pytest.raises(ReauthenticationRequiredError):
        await source.token()
    store.kept = old
    await asyncio.sleep(1.0)
    with pytest.raises(ReauthenticationRequiredError, match="was ended"):
        await source.token()

    assert ["refresh-1"] == endpoint.sent


async def test_the_end_of_a_login_is_not_that_of_its_successor(
    make: Make, endpoint: Endpoint
) -> None:
    """Another process has logged in while this one was refused: that token is used and stays."""
    store = Store(endpoint.token(life=-1.0))

    async def log_in() -> None:
        store.kept = endpoint.token(generation=7)

    endpoint.revoked, endpoint.meanwhile = True, log_in
    source = make(store)

    assert "access-7" == await access(source)
    assert [] == store.saves


async def test_a_login_of_another_that_has_ended_too_is_left_where_it_is(
    make: Make, endpoint: Endpoint
) -> None:
    """Only what was refused is removed from the store."""
    store = Store(endpoint.token(life=-1.0))

    async def log_in() -> None:
        store.kept = endpoint.token(generation=7, life=-1.0)

    endpoint.revoked, endpoint.meanwhile = True, log_in
    with pytest.raises(ReauthenticationRequiredError):
        await make(store).token()

    assert store.kept is not None
    assert [] == store.saves


# --- others who share the store


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_two_who_share_a_store_refresh_once(
    make: Make, endpoint: Endpoint, tmp_path: Path, kind: str
) -> None:
    """Over ten ends, at once: the second one finds what the first one saved."""
    store = MemoryTokenStore() if kind == "memory" else FileTokenStore(tmp_path / "token.json")
    await store.save(endpoint.token(life=-1.0))
    sources = [make(store), make(store)]
    for _ in range(10):
        found = await asyncio.gather(*(access(source) for source in sources * 25))
        await asyncio.sleep(LIFE)

        assert 1 == len(set(found))

    assert 10 == len(endpoint.sent)
    assert not endpoint.revoked


async def test_a_refused_token_is_not_taken_from_the_store_again(
    make: Make, endpoint: Endpoint
) -> None:
    """Unlike another one, which somebody else has got meanwhile."""
    store = MemoryTokenStore(endpoint.token())
    first, second = make(store), make(store)
    refused = (await first.token()).access_token
    await second.token()
    await first.renew(refused)
    await second.renew(refused)

    assert ["refresh-1"] == endpoint.sent
    assert "access-2" == await access(first) == await access(second)


async def test_a_logout_elsewhere_ends_what_has_to_be_refreshed(
    make: Make, endpoint: Endpoint
) -> None:
    """What memory holds is not brought back to life."""
    store = MemoryTokenStore(endpoint.token(life=50.0))
    source = make(store)
    await source.token()
    await source.settled()
    await store.save(None)
    await asyncio.sleep(LIFE)

    with pytest.raises(ReauthenticationRequiredError, match="Nobody is logged in"):
        await source.token()


# --- logins and logouts


async def test_a_login_replaces_everything(make: Make, endpoint: Endpoint) -> None:
    """Also the memory of a login that has ended, at once and without the pause."""
    store = Store(endpoint.token(life=-1.0))
    endpoint.revoked = True
    source = make(store)
    with pytest.raises(ReauthenticationRequiredError):
        await source.token()
    new = endpoint.token(generation=7)
    await source.replace(new)

    assert "access-7" == await access(source)
    assert new is store.kept


async def test_a_login_counts_at_once(make: Make, endpoint: Endpoint) -> None:
    """Although a call failed for the lack of one a moment before, and its token is refused now."""
    source = make(MemoryTokenStore())
    with pytest.raises(
        ReauthenticationRequiredError, match="Nobody is logged in: run `cloudflow login"
    ):
        await source.token()
    await source.replace(endpoint.token())

    assert await source.renew(Secret("access-1"))
    assert "access-2" == await access(source)


@pytest.mark.parametrize("log_in_again", [True, False])
async def test_what_ended_before_is_not_told_of_what_came_after(
    make: Make, endpoint: Endpoint, log_in_again: bool
) -> None:
    """After a login or a logout, an empty store means that nobody is logged in."""
    store = Store(endpoint.token(life=-1.0))
    endpoint.revoked = True
    source = make(store)
    with pytest.raises(ReauthenticationRequiredError, match="was ended"):
        await source.token()
    await (source.replace(endpoint.token(generation=7)) if log_in_again else source.forget())
    store.kept = None
    await asyncio.sleep(LIFE)

    with pytest.raises(ReauthenticationRequiredError, match="Nobody is logged in"):
        await source.token()


async def test_a_login_during_a_refresh_is_what_counts(make: Make, endpoint: Endpoint) -> None:
    """The refresh ends first, and the new login is what store and memory hold."""
    store = MemoryTokenStore(endpoint.token(life=-1.0))
    source = make(store)
    refreshing = asyncio.create_task(source.token())
    await asyncio.sleep(0.5)
    await source.replace(endpoint.token(generation=7))
    await refreshing

    assert "access-7" == await access(source)
    assert source.held == await store.load()


async def test_a_login_right_before_a_refresh_makes_it_needless(
    make: Make, endpoint: Endpoint
) -> None:
    """A run that was asked for before the login, and begins after it, finds nothing to do."""
    source = make(MemoryTokenStore())
    new = endpoint.token(generation=7)
    await source.replace(new)

    assert new is await source._obtain()
    assert [] == endpoint.sent


async def test_a_file_that_cannot_be_read_is_replaced_by_a_login(
    make: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Its error said to log in again, so that has to work."""
    path = tmp_path / "token.json"
    path.write_bytes(b"{")
    path.chmod(0o600)
    source = make(FileTokenStore(path))
    with pytest.raises(CredentialError, match="Log in again"):
        await source.token()
    await source.replace(endpoint.token(generation=7))

    assert "access-7" == await access(make(FileTokenStore(path)))


async def test_a_logout_forgets_everywhere(make: Make, endpoint: Endpoint) -> None:
    """Memory and store."""
    store = MemoryTokenStore(endpoint.token())
    source = make(store)
    await source.token()
    await source.forget()

    assert (None, None) == (source.held, await store.load())
    with pytest.raises(ReauthenticationRequiredError):
        await source.token()


async def test_a_logout_during_a_refresh_is_what_counts(make: Make, endpoint: Endpoint) -> None:
    """What the refresh brings is forgotten as well."""
    store = MemoryTokenStore(endpoint.token(life=-1.0))
    source = make(store)
    refreshing = asyncio.create_task(source.token())
    await asyncio.sleep(0.5)
    await source.forget()
    await refreshing

    assert (None, None) == (source.held, await store.load())


async def test_a_refresh_that_waited_for_a_logout_sends_nothing(
    make: Make, endpoint: Endpoint
) -> None:
    """It looks at the store again, once it is its turn."""
    store = MemoryTokenStore(endpoint.token(life=-1.0))
    source = make(store)
    async with store.locked():
        refreshing = asyncio.create_task(source.token())
        await asyncio.sleep(0.5)
        await store.save(None)
    with pytest.raises(ReauthenticationRequiredError):
        await refreshing

    assert [] == endpoint.sent


# --- stores that fail


class _OddError(Exception):
    """What a store of somebody's own may raise."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CredentialError("The disk is full."), "The disk is full."),
        (OSError(28, "canary"), "OSError"),
        (_OddError("canary"), "_OddError"),
    ],
)
async def test_a_store_that_cannot_be_written_does_not_stop_the_work(
    make: Make,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    told: str,
) -> None:
    """Memory goes on alone, refresh after refresh, and one warning says so."""
    store = Store(endpoint.token(life=-1.0), broken_save=error)
    source = make(store)
    for generation in (2, 3, 4):
        assert f"access-{generation}" == await access(source)
        await asyncio.sleep(LIFE)

    assert ["refresh-1", "refresh-2", "refresh-3"] == endpoint.sent
    assert [logging.WARNING] == [record.levelno for record in caplog.records]
    assert f"The token store cannot be written; memory goes on alone: {told}" == caplog.messages[0]


async def test_a_store_that_can_be_written_again_is(
    make: Make, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """With the next refresh; what fails after that is a warning of its own."""
    full = CredentialError("full")
    store = Store(endpoint.token(life=-1.0), broken_save=full)
    source = make(store)
    for broken in (full, None, full):
        store.broken_save = broken
        await source.token()
        await asyncio.sleep(LIFE)

    assert store.kept is not None
    assert "access-3" == store.kept.access_token.reveal()
    assert 2 == len(caplog.messages)
    assert ["refresh-1", "refresh-2", "refresh-3"] == endpoint.sent


@pytest.mark.parametrize("log_in", [True, False])
async def test_memory_is_not_trusted_once_the_store_was_written(
    make: Make, endpoint: Endpoint, log_in: bool
) -> None:
    """What it was to hold meanwhile is outdated, and may be spent."""
    store = Store(endpoint.token(life=-1.0), broken_save=CredentialError("full"))
    source = make(store)
    await source.token()
    store.broken_save = None
    if log_in:
        await source.replace(endpoint.token(generation=7))
    else:
        await asyncio.sleep(LIFE)
        await source.token()
    sent = list(endpoint.sent)
    store.broken_load = InsecureFileError("wrong mode")
    await asyncio.sleep(LIFE)
    with pytest.raises(InsecureFileError):
        await source.token()

    assert sent == endpoint.sent


async def test_a_store_that_cannot_even_be_read_any_more_is_done_without(
    make: Make, endpoint: Endpoint
) -> None:
    """While memory holds what the store should."""
    store = Store(endpoint.token(life=-1.0), broken_save=InsecureFileError("mode"))
    source = make(store)
    await source.token()
    store.broken_load = InsecureFileError("mode")
    await asyncio.sleep(LIFE)

    assert "access-3" == await access(source)


async def test_a_store_that_was_changed_by_others_counts_more_than_memory(
    make: Make, endpoint: Endpoint
) -> None:
    """Somebody logged in while this process could not write."""
    store = Store(endpoint.token(life=-1.0), broken_save=CredentialError("full"))
    source = make(store)
    await source.token()
    store.kept = endpoint.token(generation=7, life=2 * LIFE)
    await asyncio.sleep(LIFE)

    assert "access-7" == await access(source)
    assert ["refresh-1"] == endpoint.sent


@pytest.mark.parametrize("error", [InsecureFileError("wrong mode"), _OddError("odd")])
async def test_a_store_that_cannot_be_read_is_the_callers_to_mend(
    make: Make, endpoint: Endpoint, error: Exception
) -> None:
    """Nothing is guessed, and nothing sent."""
    store = Store(endpoint.token(), broken_load=error)
    with pytest.raises(type(error)):
        await make(store).token()

    assert [] == endpoint.sent


async def test_a_login_that_cannot_be_saved_says_so_and_works(
    make: Make, endpoint: Endpoint
) -> None:
    """A person is there to read it; what they got by it is not thrown away."""
    endpoint.generation = 7
    store = Store(endpoint.token(life=-1.0), broken_save=CredentialError("full"))
    source = make(store)
    with pytest.raises(CredentialError, match="full"):
        await source.replace(endpoint.token(generation=7))
    first = await access(source)
    await asyncio.sleep(LIFE)

    assert ("access-7", "access-8") == (first, await access(source))
    assert ["refresh-7"] == endpoint.sent


@pytest.mark.parametrize("log_in_first", [True, False])
async def test_a_login_whose_turn_does_not_come_is_not_undone_by_the_last_one(
    make: Make, endpoint: Endpoint, log_in_first: bool
) -> None:
    """What the store holds was written by this process, so it is older than the login."""
    store = Store(endpoint.token(life=-1.0))
    source = make(store)
    await source.token()
    if log_in_first:
        await source.replace(endpoint.token(generation=3))
    store.broken_lock = CredentialError("locked by another")
    with pytest.raises(CredentialError, match="locked"):
        await source.replace(endpoint.token(generation=7))
    store.broken_lock, endpoint.generation = None, 7
    await asyncio.sleep(LIFE)

    assert "access-8" == await access(source)
    assert ["refresh-1", "refresh-7"] == endpoint.sent


async def test_a_logout_forgets_what_memory_had_alone(make: Make, endpoint: Endpoint) -> None:
    """Although the store cannot be changed: what it still holds is what counts then."""
    store = Store(endpoint.token(life=-1.0), broken_save=CredentialError("full"))
    source = make(store)
    await source.token()
    with pytest.raises(CredentialError, match="full"):
        await source.forget()
    with pytest.raises(ReauthenticationRequiredError):
        await source.token()

    assert ["refresh-1", "refresh-1"] == endpoint.sent


async def test_a_logout_that_cannot_be_saved_says_so(make: Make, endpoint: Endpoint) -> None:
    """Memory holds nothing any more; the store still does."""
    store = Store(endpoint.token())
    source = make(store)
    await source.token()
    store.broken_save = CredentialError("full")
    with pytest.raises(CredentialError, match="full"):
        await source.forget()

    assert source.held is None
    assert store.kept is not None


# --- clocks and loops


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 600.0, -600.0])
async def test_a_clock_that_jumps_costs_at_most_one_refresh(
    make: Make, endpoint: Endpoint, virtual_clock: Clock, jump: float
) -> None:
    """Ahead, the token seems to have ended; back, the server will say so."""
    moved = 0.0
    endpoint.clock = lambda: virtual_clock() + moved
    source = make(MemoryTokenStore(endpoint.token()))
    await source.token()
    moved = jump
    refreshes = []
    for _ in range(100):
        await source.token()
        await source.settled()
        refreshes.append(len(endpoint.sent))
        await asyncio.sleep(1.0)

    assert refreshes[-1] <= 1


def test_one_loop_after_another() -> None:
    """Three `asyncio.run` in a row, with an end of the token in each: three refreshes."""
    now = 0.0
    endpoint = Endpoint(lambda: now, delay=0.0)
    store = MemoryTokenStore(endpoint.token())
    source = TokenSource(store=store, endpoint=endpoint, clock=endpoint.clock)
    found = []
    for _ in range(3):
        now += LIFE
        found.append(asyncio.run(access(source)))

    assert ["access-2", "access-3", "access-4"] == found
    assert ["refresh-1", "refresh-2", "refresh-3"] == endpoint.sent


async def test_another_loop_that_runs_is_refused_at_once(make: Make, endpoint: Endpoint) -> None:
    """Not only when there is something to refresh, an hour later."""
    source = make(MemoryTokenStore(endpoint.token()))
    await source.token()
    uses = [source.token, source.forget, lambda: source.renew(Secret("x"))]
    for use in [*uses, lambda: source.replace(endpoint.token())]:
        with pytest.raises(WrongLoopError):
            await asyncio.to_thread(asyncio.run, _await(use))

    assert "access-1" == await access(source)


async def _await(use: Callable[[], Any]) -> Any:
    return await use()

"""Have a token that is accepted: from memory, from the store, or by a refresh, one at a time.

Theory.  A token in memory is used until shortly before its end; some time before, a refresh begins
in the background.  Whatever is missing, ended or refused is brought by one run of `_obtain`, which
all who need it wait for.  It looks into the store first, because another process may have done the
work; then, while it keeps the others out, it looks again, asks the token endpoint, and saves the
answer before anybody uses it: a server that rotates refresh tokens takes the second use of one
for theft and ends the login.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import attrs

from cloudflow_async._core.auth.single_flight import SingleFlight
from cloudflow_async._core.auth.stores.token_store import TokenStore
from cloudflow_async._core.auth.token import Token
from cloudflow_async._core.errors import CloudFlowError, ReauthenticationRequiredError
from cloudflow_async._core.support.log import log_of
from cloudflow_async._core.support.secret import Secret

from .held_token import HeldToken, hold, is_alive

_LOG = log_of()

_FRESH = 10.0
"""Seconds in which a token that answered a refusal is not replaced because of a second one."""

_NOBODY = "Nobody is logged in:"
_NOT_REFRESHABLE = (
    "The access token has expired or was refused, and the server gave no refresh token with it."
)
_HOW = "run `cloudflow login`, or call login() of this OAuth2Auth."


class Refresher(Protocol):
    """Asks a token endpoint for the next token."""

    async def refresh(self, token: Token) -> Token:
        """Return the next token.

        Raises:
            ReauthenticationRequiredError: The refresh token is not accepted any more.
            TokenRequestError: No token came for another reason.
        """
        ...


@attrs.frozen
class _Unsaved:
    """What a store should hold that could not be written."""

    token: Token | None
    instead_of: Token | None
    """What it holds as long as nobody else writes it."""


@attrs.frozen
class _Ended:
    """A login that has ended."""

    refresh_token: Secret | None
    why: str


class TokenSource:
    """Gives the token of the moment; belongs to the event loop of its first use.

    Args:
        store: Where the token is kept, and where others may change it.
        endpoint: Gives the next one.
        clock: Returns the Unix time in seconds.
    """

    def __init__(
        self,
        *,
        store: TokenStore,
        endpoint: Refresher,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._endpoint = endpoint
        self._clock = clock
        self._flight = SingleFlight(self._obtain, name="refresh of a token")
        self._held: HeldToken | None = None
        self._refused: Secret | None = None
        self._answered_at: float | None = None
        self._read: Token | None = None
        self._unsaved: _Unsaved | None = None
        self._ended: _Ended | None = None
        self._warned = False

    @property
    def held(self) -> Token | None:
        """The token in memory; None: none was needed yet, or it was refused."""
        return None if self._held is None else self._held.token

    async def token(self) -> Token:
        """Return a token that can be sent, refreshed if it has to be.

        Cancelling it leaves the refresh alone.

        Raises:
            ReauthenticationRequiredError: A person has to log in.
            TokenRequestError: The token endpoint gave none; for a second it is not asked again.
            CredentialError: The store cannot be read or locked.
            WrongLoopError: It belongs to another event loop, which has not ended.
        """
        self._flight.bind()
        held, now = self._held, self._clock()
        if held is None or held.ends_at <= now:
            return await self._flight.run()
        if held.refresh_at <= now:
            self._flight.start()
        return held.token

    async def renew(self, refused: Secret) -> bool:
        """Answer the refusal of an access token: return whether there is another one.

        Raises:
            CredentialError: As `token` does.
        """
        self._flight.bind()
        if self._held is not None:
            if self._held.token.access_token != refused:
                return True
            if self._has_just_answered():
                return False
            self._refused, self._held = refused, None
        await self._flight.run()
        return True

    async def replace(self, token: Token) -> None:
        """Use the token of a new login from now on, and save it.

        Raises:
            CredentialError: It could not be saved; it is held in memory alone.
        """
        self._flight.bind()
        try:
            async with self._store.locked():
                # What cannot be read is replaced like anything else.
                with contextlib.suppress(Exception):
                    await self._load()
                await self._store.save(token)
        except BaseException:
            self._unsaved = _Unsaved(token, self._read)
            raise
        else:
            self._read, self._unsaved = token, None
        finally:
            self._hold(token, is_new=True)
            self._flight.forgive()

    async def forget(self) -> None:
        """Remove the token from memory and from the store.

        Raises:
            CredentialError: The store cannot be changed.
        """
        self._flight.bind()
        try:
            async with self._store.locked():
                await self._store.save(None)
        finally:
            self._held = self._refused = self._unsaved = self._ended = None

    async def settled(self) -> None:
        """Return when no refresh is under way, however it ended."""
        await self._flight.settled()

    async def _obtain(self) -> Token:
        if self._held is not None and not self._held.is_due(self._clock()):
            # Somebody logged in since this run was asked for.
            return self._held.token
        replaced = self.held
        found = await self._load()
        if (better := self._better(found, replaced)) is not None:
            return self._hold(better, is_new=False)
        # Before the lock, which leaves a file behind even where nobody ever logged in.
        self._check(found)
        async with self._store.locked():
            found = await self._load()
            if (better := self._better(found, replaced)) is not None:
                return self._hold(better, is_new=False)
            return await self._refresh(self._check(found))

    async def _refresh(self, old: Token) -> Token:
        answering = self._refused is not None
        try:
            token = await self._endpoint.refresh(old)
        except ReauthenticationRequiredError as error:
            why = error.message.removesuffix(" Log in again.")
        else:
            await self._save(token)
            self._answered_at = asyncio.get_running_loop().time() if answering else None
            return self._hold(token, is_new=True)
        return await self._end(old, why)

    async def _end(self, old: Token, why: str) -> Token:
        """Give a login up, unless whoever does not care for locks has saved another meanwhile."""
        found = await self._load()
        if (better := self._better(found, old)) is not None:
            return self._hold(better, is_new=False)
        self._ended = _Ended(old.refresh_token, why)
        if found == old:
            await self._save(None)
        raise _reauthenticate(why)

    def _check(self, found: Token | None) -> Token:
        """Return the token if it can be refreshed; looking at the store again costs no request."""
        ended = self._ended
        if found is None:
            raise _reauthenticate(_NOBODY if ended is None else ended.why)
        if found.refresh_token is None:
            raise _reauthenticate(_NOT_REFRESHABLE)
        if ended is not None and found.refresh_token == ended.refresh_token:
            raise _reauthenticate(ended.why)
        return found

    def _better(self, found: Token | None, replaced: Token | None) -> Token | None:
        """Return what was found if it is alive, and neither the refused nor the replaced token."""
        if found is None or found.access_token == self._refused:
            return None
        if replaced is not None and found.access_token == replaced.access_token:
            return None
        return found if is_alive(found, self._clock()) else None

    async def _load(self) -> Token | None:
        unsaved = self._unsaved
        try:
            stored = await self._store.load()
        except Exception:
            if unsaved is None:
                raise
            return unsaved.token
        if unsaved is not None and stored == unsaved.instead_of:
            return unsaved.token
        self._read, self._unsaved = stored, None
        return stored

    async def _save(self, token: Token | None) -> None:
        """Save a token, or keep in mind what the store should hold."""
        try:
            await self._store.save(token)
        except Exception as error:  # noqa: BLE001 - whatever a store raises: the old one is spent
            reason = _reason(error)
        else:
            self._read, self._unsaved, self._warned = token, None, False
            return
        self._unsaved = _Unsaved(token, self._read)
        if not self._warned:
            self._warned = True
            _LOG.warning("The token store cannot be written; memory goes on alone: %s", reason)

    def _hold(self, token: Token, *, is_new: bool) -> Token:
        self._held = hold(token, now=self._clock(), is_new=is_new)
        self._refused = self._ended = None
        return token

    def _has_just_answered(self) -> bool:
        if self._answered_at is None:
            return False
        return 0.0 <= asyncio.get_running_loop().time() - self._answered_at < _FRESH


def _reauthenticate(why: str) -> ReauthenticationRequiredError:
    again = "" if why == _NOBODY else "To log in again, "
    return ReauthenticationRequiredError(f"{why} {again}{_HOW}")


def _reason(error: Exception) -> str:
    # What is not ours may show anything.
    return error.message if isinstance(error, CloudFlowError) else type(error).__name__

"""The plainest OAuth client: what a test does not say otherwise, it does as the RFCs want it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import attrs

from cloudflow_async.emulator import Emulator
from tests.emulator.conftest import Answer

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636, appendix B."""

REDIRECT_URI = "http://127.0.0.1:4711/callback"

Changes = str | None


def changed(fields: dict[str, str], changes: Mapping[str, Changes]) -> dict[str, str]:
    """Return fields with some replaced, and without those that are None."""
    both: dict[str, Changes] = {**fields, **changes}
    return {name: value for name, value in both.items() if value is not None}


def answer_in(callback_url: str) -> dict[str, str]:
    """Return the parameters that a callback brings, each of them once."""
    pairs = parse_qsl(urlsplit(callback_url).query, keep_blank_values=True)

    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@attrs.frozen
class OAuthFlow:
    """A client's side of the flow with one emulator."""

    emulator: Emulator
    session: aiohttp.ClientSession

    def request(self, **changes: Changes) -> dict[str, str]:
        """Return the parameters of an authorization request."""
        fields = {
            "response_type": "code",
            "client_id": self.emulator.client_id,
            "redirect_uri": REDIRECT_URI,
            "scope": "workflows:read pipelines:read",
            "state": "xyz",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return changed(fields, changes)

    def url(self, **changes: Changes) -> str:
        """Return the address to send the browser to."""
        return f"{self.emulator.authorize_url}?{urlencode(self.request(**changes))}"

    def code(self, **changes: Changes) -> str:
        """Return a code that a person gave at once."""
        return answer_in(self.emulator.approve(self.url(**changes)))["code"]

    async def open(self, url: str) -> Answer:
        """Return what a browser gets to see, or the redirect."""
        return await self._send("GET", url)

    async def answer_form(self, body: str | Mapping[str, str], **headers: str) -> Answer:
        """Send the form of the consent page."""
        return await self._send(
            "POST", self.emulator.authorize_url, data=_form(body), headers=_FORM | headers
        )

    async def post(self, body: str | Mapping[str, str], **headers: str) -> Answer:
        """Send a token request as it is."""
        return await self._send(
            "POST", self.emulator.token_url, data=_form(body), headers=_FORM | headers
        )

    async def exchange(self, code: str, /, **changes: Changes) -> Answer:
        """Send a token request for a code."""
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "client_id": self.emulator.client_id,
            "code_verifier": VERIFIER,
        }
        return await self.post(changed(fields, changes))

    async def refresh(self, token: str, /, **changes: Changes) -> Answer:
        """Send a token request for a refresh token."""
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": self.emulator.client_id,
        }
        return await self.post(changed(fields, changes))

    async def log_in(self, **changes: Changes) -> dict[str, Any]:
        """Go through the whole flow and return the token answer."""
        answer = await self.exchange(self.code(**changes))

        assert answer.status == 200
        return dict(answer.json)

    async def status_with(self, access_token: str, path: str = "/workflows") -> int:
        """Return the status of an API request with an access token."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return (await self._send("GET", self.emulator.base_url + path, headers=headers)).status

    async def _send(self, method: str, url: str, **options: Any) -> Answer:
        sent = self.session.request(method, url, allow_redirects=False, **options)
        async with sent as response:
            return Answer(response.status, response.headers, await response.read())


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _form(body: str | Mapping[str, str]) -> bytes:
    return (body if isinstance(body, str) else urlencode(body)).encode()


@contextlib.asynccontextmanager
async def oauth_flow(emulator: Emulator) -> AsyncIterator[OAuthFlow]:
    """Return the client's side of the flow, on a session of its own."""
    async with aiohttp.ClientSession() as session:
        yield OAuthFlow(emulator, session)

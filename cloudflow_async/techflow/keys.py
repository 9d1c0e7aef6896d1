"""TechFlow's API keys (API document: Authentication)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

import attrs

from cloudflow_async._core.auth import ApiKeyAuth, Refusal
from cloudflow_async._core.auth.api_key.api_key import HEADER as PLAIN_HEADER
from cloudflow_async._core.errors import NoCredentialsError
from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public

HEADER: Final = "Authorization"
VARIABLE: Final = "TECHFLOW_API_KEY"

_SCHEME: Final = "Bearer "
_OF_CLOUDFLOW: Final = ("cf_live_", "cf_test_")


@public("cloudflow_async.techflow")
class BearerKeyAuth(ApiKeyAuth):
    """Signs requests with an API key as ``Authorization: Bearer KEY``.

    Takes what `ApiKeyAuth` takes: a key, a callable, `next_key`; and has its `from_file`.
    """

    @classmethod
    def from_environment(cls) -> BearerKeyAuth:
        """Return the key of the environment variable ``TECHFLOW_API_KEY``, read when used.

        A key of CloudFlow's is refused there: it would be shown to another service.
        """
        return cls(_read_environment)

    def __repr__(self) -> str:
        return super().__repr__().replace("ApiKeyAuth", "BearerKeyAuth", 1)

    async def sign(self, request: Request) -> Mapping[str, str]:
        """Return the header with the key.

        Raises:
            CredentialError: The callable or the file gave no usable key.
        """
        return {HEADER: _SCHEME + (await super().sign(request))[PLAIN_HEADER]}

    async def renew(self, refusal: Refusal) -> bool:
        """Return whether there is another key by now than the refused one; see `ApiKeyAuth`."""
        return await super().renew(attrs.evolve(refusal, signed=_plain(refusal.signed)))


def _plain(signed: Mapping[str, str]) -> Mapping[str, str]:
    return {PLAIN_HEADER: signed.get(HEADER, "").removeprefix(_SCHEME)}


def _read_environment() -> str:
    key = os.environ.get(VARIABLE, "").strip()
    if key and not key.startswith(_OF_CLOUDFLOW):
        return key
    problem = "holds a key of CloudFlow's" if key else "is not set"
    # A traceback that shows variables shows no key.
    del key
    raise NoCredentialsError(
        f"No credentials: no api_key= and no auth= was given, and {VARIABLE} {problem}."
    )

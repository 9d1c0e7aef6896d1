"""JSON Web Tokens that this process signs itself (API document: JWT Tokens)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NoReturn, Self

import attrs

from cloudflow_async._core.auth.protocol import Refusal
from cloudflow_async._core.auth.single_flight import SingleFlight
from cloudflow_async._core.errors import (
    CloudFlowError,
    CredentialError,
    InvalidArgumentError,
    NoCredentialsError,
)
from cloudflow_async._core.messages import Request
from cloudflow_async._core.public import public
from cloudflow_async._core.support.log import log_of
from cloudflow_async._core.support.secret import Secret
from cloudflow_async._core.support.validation import check_callable, check_flag

from .claims import AUDIENCE, LONGEST_LIFETIME, JWTClaims
from .private_key import PrivateKey, find_source
from .signing_key import SigningKey

_LOG = log_of()
_HEADER = "Authorization"

_DRIFT = 5.0
"""Seconds by which two clocks differ without a meaning: ``Date`` is rounded and travels."""

_LARGEST_OFFSET = 86_400.0
_MOMENTS = 10.0
"""Seconds within which the same key and the same clock give no better token."""

_PREFIX = "CLOUDFLOW_JWT_"
_REQUIRED = ("ISSUER", "SUBJECT")
_KEYS = ("PRIVATE_KEY", "PRIVATE_KEY_FILE")
_OPTIONAL = ("PRIVATE_KEY_PASSWORD", "KEY_ID", "SCOPES")


@attrs.frozen(kw_only=True)
class _Signed:
    """A token, and what it was made of."""

    token: Secret
    issued_at: int
    expires_at: int
    key: SigningKey
    offset: float
    signed_at: float
    """On the server's clock, as far as it is known."""

    @property
    def header(self) -> str:
        return f"Bearer {self.token.reveal()}"


@public("cloudflow_async")
class JWTAuth:
    """Signs a JWT with RS256, uses it until shortly before its end, and then signs the next one.

    One signature serves all tasks.  When the server refuses a token, its clock is compared with
    ours, and the key is looked at again; later tokens use what was learned.

    Args:
        issuer: Your application's identifier.
        subject: The user or service account for whom requests are made.
        private_key: An RSA key of at least 2048 bits: PEM text, the path of a PEM file, or a
            callable that returns PEM text, now or when awaited.  A str with ``-----BEGIN`` in it
            is PEM text, any other one a path.  A file is read and checked at once, and again
            when it has changed; a callable is asked before each signature.  While a file or a
            callable fails, the key it gave before is used, with a WARNING in the log.
        scopes: What the tokens ask for, such as ``workflows:read``.
        key_id: Which of your registered keys it is; sent as ``kid``.
        password: Of an encrypted key.
        audience: Whom the tokens are for.
        lifetime: Seconds from a token's ``iat`` to its ``exp``: more than 60, at most 3600.
            ``iat`` lies 30 seconds back, for servers whose clock is behind.
        strict: Refuse a key file that others than its owner may read.  Otherwise there is an
            `InsecureKeyFileWarning` (mounted secrets often are so); one that everybody may
            change is always refused.
        clock: Our clock, in Unix seconds.

    Raises:
        InvalidArgumentError: An argument cannot be used.
        CredentialError: The key cannot sign; the message shows neither key nor password.
        InsecureFileError: Others may read or change the file.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each claim, and for each way to keep a key
        self,
        issuer: str,
        subject: str,
        private_key: PrivateKey,
        *,
        scopes: Iterable[str] = (),
        key_id: str | None = None,
        password: str | None = None,
        audience: str = AUDIENCE,
        lifetime: float = LONGEST_LIFETIME,
        strict: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._shown = ""
        source = find_source(private_key, password, strict=strict)
        # From here on a traceback that shows variables shows no key.
        del private_key, password
        if isinstance(source, str):
            raise InvalidArgumentError(source)
        check_flag("strict", strict)
        check_callable("clock", clock, "a callable that returns Unix seconds", arguments=0)
        self._claims = JWTClaims(
            issuer=issuer,
            subject=subject,
            key_id=key_id,
            scopes=scopes,
            audience=audience,
            lifetime=lifetime,
        )
        self._shown = str(self._claims)
        self._source = source
        self._clock = clock
        self._offset = 0.0
        self._signed: _Signed | None = None
        self._signing = SingleFlight(self._sign_anew, name="signing of a JWT")
        self._renewal = SingleFlight(self._answer_refusal, name="renewal of a JWT")
        source.load()

    @classmethod
    def from_environment(cls) -> Self:
        r"""Return what the environment describes, read now.

        ``CLOUDFLOW_JWT_ISSUER``, ``CLOUDFLOW_JWT_SUBJECT``, and one of
        ``CLOUDFLOW_JWT_PRIVATE_KEY`` (PEM text, line breaks may be written as ``\n``) and
        ``CLOUDFLOW_JWT_PRIVATE_KEY_FILE`` are needed; ``CLOUDFLOW_JWT_PRIVATE_KEY_PASSWORD``,
        ``CLOUDFLOW_JWT_KEY_ID`` and ``CLOUDFLOW_JWT_SCOPES`` (separated by spaces) are optional.

        Raises:
            NoCredentialsError: None of them is set.
            CredentialError: One is missing, or cannot be used.
        """
        _check_environment()
        try:
            return cls(
                _variable("ISSUER") or "",
                _variable("SUBJECT") or "",
                _environment_key(),
                scopes=(_variable("SCOPES") or "").split(),
                key_id=_variable("KEY_ID"),
                password=_variable("PRIVATE_KEY_PASSWORD"),
            )
        except InvalidArgumentError as error:
            problem = error.message
        raise CredentialError(f"The variables {_PREFIX}... cannot be used: {problem}")

    def __repr__(self) -> str:
        return f"JWTAuth({self._shown})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential cannot be pickled; make it anew where it is needed.")

    @property
    def issuer(self) -> str:
        """The claim ``iss``."""
        return self._claims.issuer

    @property
    def subject(self) -> str:
        """The claim ``sub``."""
        return self._claims.subject

    @property
    def scopes(self) -> frozenset[str]:
        """What the tokens ask for."""
        return frozenset(self._claims.scopes)

    @property
    def expires_at(self) -> float | None:
        """When the current token ends, in Unix seconds of the server; None: none was signed."""
        return None if self._signed is None else float(self._signed.expires_at)

    async def sign(self, request: Request) -> Mapping[str, str]:  # noqa: ARG002 - protocol
        """Return the header with the current token, or with a new one.

        Cancelling it does not stop a signature that others wait for.

        Raises:
            CredentialError: The callable gave no usable key.  What it raises itself is passed on.
        """
        signed = self._signed
        if signed is None or not self._is_fresh(signed):
            signed = await self._signing.run()
        return {_HEADER: signed.header}

    async def renew(self, refusal: Refusal) -> bool:
        """Return whether there is another token than the refused one.

        A new one is signed if it differs by the key, by what the server's clock showed, or by
        10 seconds and more of its time.

        Raises:
            CredentialError: The file or the callable gives no usable key any more.
        """
        refused = self._signed
        if refused is None or refused.header != refusal.signed.get(_HEADER):
            return True
        if refusal.date is not None:
            self._learn(refusal.date)
        return await self._renewal.run() is not refused

    def _is_fresh(self, signed: _Signed) -> bool:
        # Also false when the clock went back: the server would find iat in the future.
        end = signed.expires_at - self._claims.spare
        return signed.issued_at <= self._now() < end

    def _now(self) -> float:
        return self._clock() + self._offset

    def _learn(self, date: float) -> None:
        """Take the server's clock for the right one, if it differs and is no nonsense."""
        offset = date - self._clock()
        if abs(offset - self._offset) > _DRIFT and abs(offset) <= _LARGEST_OFFSET:
            self._offset = offset
            _LOG.info("JWTs are dated by the server's clock, %+.0f s from this one's", offset)

    async def _sign_anew(self) -> _Signed:
        return await self._make(await self._usable_key())

    async def _answer_refusal(self) -> _Signed:
        refused = self._signed
        key = await self._source.current()
        if refused is not None and self._would_be_same(refused, key):
            return refused
        return await self._make(key)

    def _would_be_same(self, refused: _Signed, key: SigningKey) -> bool:
        age = self._now() - refused.signed_at
        return key == refused.key and self._offset == refused.offset and 0 <= age < _MOMENTS

    async def _usable_key(self) -> SigningKey:
        """Return the key of now, or the one before when it cannot be had."""
        try:
            return await self._source.current()
        except Exception as error:
            key = self._source.key
            if key is None:
                raise
            # What is not ours may show anything.
            reason = error if isinstance(error, CloudFlowError) else type(error).__name__
            _LOG.warning("The private key failed to load, the one before is used: %s", reason)
            return key

    async def _make(self, key: SigningKey) -> _Signed:
        now, offset = self._now(), self._offset
        issued_at, expires_at = self._claims.at(now)
        claims = self._claims.payload(issued_at, expires_at)
        headers = self._claims.headers
        if key.is_slow:
            token = await asyncio.to_thread(key.sign, claims, headers)
        else:
            token = key.sign(claims, headers)
        self._signed = _Signed(
            token=token,
            issued_at=issued_at,
            expires_at=expires_at,
            key=key,
            offset=offset,
            signed_at=now,
        )
        return self._signed


def _variable(name: str) -> str | None:
    value = os.environ.get(_PREFIX + name, "")
    return value if value.strip() else None


def _check_environment() -> None:
    """Raise if variables are missing, or contradict each other."""
    found = {name for name in (*_REQUIRED, *_KEYS, *_OPTIONAL) if _variable(name)}
    missing = [_PREFIX + name for name in _REQUIRED if name not in found]
    if not found.intersection(_KEYS):
        missing.append(" or ".join(_PREFIX + name for name in _KEYS))
    if missing:
        message = f"No JWT can be signed: {', '.join(missing)} not set."
        raise CredentialError(message) if found else NoCredentialsError(message)
    if found.issuperset(_KEYS):
        raise CredentialError(f"Set only one of {_PREFIX}{_KEYS[0]} and {_PREFIX}{_KEYS[1]}.")


def _environment_key() -> bytes | Path:
    text, path = (_variable(name) for name in _KEYS)
    return Path(path) if path else os.fsencode(text or "")

"""Turn a method call into a `Request`, and its answer into objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import attrs

from .call import SAFE
from .codec.decode import decode
from .codec.encode import dumps
from .codec.timestamps import format_instant
from .errors import DecodeError, InvalidArgumentError, ResponseMismatchError
from .http.response import Response
from .http.urls import target
from .messages import UNSET, Json, Request
from .options import Options
from .paging.page import LARGEST_PAGE, Bookmark, OnDrift, Page
from .paging.page_styles import PageStyle, offset_envelope
from .paging.pages import Pages
from .session import Session
from .support.secret import Secret

T = TypeVar("T")

QueryValue: TypeAlias = "str | int | bool | datetime | Sequence[str] | None"
"""What a query parameter may be; None leaves it out, a sequence is joined by commas."""

Query: TypeAlias = Iterable[tuple[str, QueryValue]]
Segments: TypeAlias = Mapping[str, str]

_SHOWN = 40
"""Characters of an id in a message."""

_JSON_BODY = {"Content-Type": "application/json"}


class Resource:
    """The endpoints of one noun of an API."""

    page_style: PageStyle[Any] = staticmethod(offset_envelope)

    def __init__(self, session: Session, options: Options) -> None:
        self._session = session
        self._options = options

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    async def _ask(  # noqa: PLR0913 - each is a part of the request, most have a default
        self,
        cls: type[T],
        method: str,
        path: str,
        *,
        segments: Segments | None = None,
        query: Query = (),
        body: object = UNSET,
        secrets: tuple[Secret, ...] = (),
        scope: str | None = None,
        echoes: Segments | None = None,
    ) -> T:
        """Send a request and return its answer as an object of `cls`.

        Its fields named by `echoes` have to be what was asked for, unless `check_response_ids` of
        the options is False.
        """
        request = make_request(
            method,
            path,
            segments=segments or {},
            query=query,
            body=body,
            secrets=secrets,
            scope=scope,
        )
        # A body may hold a secret, and error trackers record local variables.
        del body
        response = await self._session.send(request, self._options)
        try:
            answer = decode(cls, response.json())
            self._check_echoes([answer], echoes)
            return answer  # noqa: TRY300 - both refusals are completed below
        except (DecodeError, ResponseMismatchError) as error:
            _complete(error, request, response)
            raise

    async def _tell(
        self,
        method: str,
        path: str,
        *,
        segments: Segments | None = None,
        body: object = UNSET,
        scope: str | None = None,
    ) -> Response:
        """Send a request whose answer need not be JSON."""
        request = make_request(
            method, path, segments=segments or {}, body=body, expects_json=False, scope=scope
        )
        del body
        return await self._session.send(request, self._options)

    def _list(  # noqa: PLR0913 - each has a meaning of its own, most have a default
        self,
        cls: type[T],
        path: str,
        *,
        segments: Segments | None = None,
        query: Query = (),
        page_size: int = LARGEST_PAGE,
        max_items: int | None = None,
        start: int | Bookmark = 0,
        prefetch: int = 1,
        on_drift: OnDrift = "dedupe",
        is_closed: bool = False,
        scope: str | None = None,
        echoes: Segments | None = None,
    ) -> Pages[T]:
        """Return a list that is read when somebody iterates over it.

        The fields of its rows that are named by `echoes` have to be what was asked for, unless
        `check_response_ids` of the options is False.
        """
        filters = encode_query(query)
        # Bad ids and filters are refused here, where the list is asked for.
        filtered = target(path, segments or {}, filters) + ("&" if filters else "?")

        async def fetch(offset: int, limit: int) -> Page[T]:
            window = f"limit={limit}&offset={offset}"
            request = Request(method="GET", path=path, target=filtered + window, scope=scope)
            response = await self._session.send(request, self._options)
            try:
                page = self.page_style(cls, response.json(), offset, limit)
                self._check_echoes(page.items, echoes, path="data[{}].")
            except (DecodeError, ResponseMismatchError) as error:
                _complete(error, request, response)
                raise
            attempts = response.attempts
            return page if attempts == 1 else attrs.evolve(page, attempts=attempts)

        return Pages(
            fetch,
            page_size=page_size,
            max_items=max_items,
            start=start,
            prefetch=prefetch,
            on_drift=on_drift,
            is_closed=is_closed,
        )

    def _check_echoes(
        self, answers: Sequence[Any], echoes: Segments | None, *, path: str = ""
    ) -> None:
        """Refuse an answer of which a field does not repeat what was asked for.

        Raises:
            ResponseMismatchError: It names the first, at `path` filled with its index.
        """
        if echoes is None or not self._options.check_response_ids:
            return
        for name, asked in echoes.items():
            told = [*map(attrgetter(name), answers)]
            if told.count(asked) != len(told):
                index = next(index for index, value in enumerate(told) if value != asked)
                raise _mismatch(path.format(index) + name, asked, told[index])


def make_request(  # noqa: PLR0913 - each is a part of the request, most have a default
    method: str,
    path: str,
    *,
    segments: Segments,
    query: Query = (),
    body: object = UNSET,
    headers: Mapping[str, str] | None = None,
    expects_json: bool = True,
    secrets: tuple[Secret, ...] = (),
    scope: str | None = None,
) -> Request:
    """Return the request for a path template.

    Raises:
        InvalidArgumentError: A path parameter, query value or body cannot be sent.
    """
    text = None if body is UNSET else dumps(body)
    extra = dict(headers or {})
    return Request(
        method=method,
        path=path,
        target=target(path, segments, encode_query(query)),
        body=text,
        headers=extra if text is None else {**_JSON_BODY, **extra},
        expects_json=expects_json,
        secrets=secrets,
        scope=scope,
    )


def encode_query(query: Query) -> list[tuple[str, str]]:
    """Return query parameters as text, without those that are None.

    Raises:
        InvalidArgumentError: A value is of a type that no parameter has.
    """
    return [(name, _query_text(name, value)) for name, value in query if value is not None]


def _query_text(name: str, value: QueryValue) -> str:
    if isinstance(value, str):
        # Of an enum that is also a str, str() would give "Color.RED".
        return str.__str__(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return format_instant(value)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise InvalidArgumentError(
        f"{name} must be a str, int, bool, datetime or a list of str, not {type(value).__name__}."
    )


def json_of(response: Response) -> Json:
    """Return an answer that need not have a body: its JSON, or None."""
    return response.json() if response.body else None


def _mismatch(place: str, asked: str, told: str) -> ResponseMismatchError:
    return ResponseMismatchError(
        f"{place}: asked for {_shown(asked)}, the answer is of {_shown(told)}; for a mock server "
        "that repeats a sample, set check_response_ids=False",
        path=place,
    )


def _shown(id: str) -> str:
    return ascii(id[:_SHOWN]) + ("..." if len(id) > _SHOWN else "")


def _complete(
    error: DecodeError | ResponseMismatchError, request: Request, response: Response
) -> None:
    error.status = response.status
    error.request_id = response.request_id
    error.attempts = response.attempts
    error.may_have_been_applied = request.method not in SAFE

"""TechFlow's lists, which are not paged: one request brings all rows."""

from __future__ import annotations

from typing import TypeVar

from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Request
from cloudflow_async._core.paging.page import Page
from cloudflow_async._core.paging.page_styles import whole_list
from cloudflow_async._core.paging.pages import Pages
from cloudflow_async._core.resource import Resource

T = TypeVar("T")


class WholeLists(Resource):
    """The endpoints of one noun of an API whose lists have no pages."""

    def _whole(self, cls: type[T], path: str, name: str) -> Pages[T]:
        """Return a list that is read by one request; `name` is what its envelope calls it."""
        read = whole_list(name)

        async def fetch(offset: int, limit: int) -> Page[T]:
            request = Request(method="GET", path=path, target=path)
            response = await self._session.send(request, self._options)
            try:
                return read(cls, response.json(), offset, limit)
            except DecodeError as error:
                error.request_id, error.attempts = response.request_id, response.attempts
                raise

        return Pages(fetch)

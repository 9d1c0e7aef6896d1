"""One page of a list, the place to go on after it, and the account of a list that was read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

import attrs

from cloudflow_async._core.errors import CloudFlowError, InvalidArgumentError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.public import public
from cloudflow_async._core.support.validation import check_int

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LARGEST_PAGE = 100
"""Rows (API document: Pagination, "max: 100")."""

MOST_IDS = 100
"""Ids in a bookmark: as many as one page has, so that one request finds those that are left."""

_id_of = attrgetter("id")

OnDrift: TypeAlias = Literal["dedupe", "restart", "raise", "ignore"]
"""What is done when a list changes while it is read; `Pages` tells."""


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Page(Sequence[T_co], Generic[T_co]):
    """One page of a list; a sequence of its rows (API document: Pagination)."""

    items: tuple[T_co, ...]
    """The rows."""

    offset: int = 0
    """Rows skipped before this page."""

    limit: int | None = None
    """Rows asked for, as the server understood it."""

    total: int | None = None
    """Rows of the whole list at that moment; None where the API does not say."""

    has_more: bool = False
    """Whether rows follow."""

    received: int = attrs.field(
        default=attrs.Factory(lambda page: len(page.items), takes_self=True), repr=False
    )
    """Places of the list that it goes on by: its rows, and those among them that were dropped."""

    attempts: int = attrs.field(default=1, eq=False, repr=False)
    """How many times the request was sent."""

    @property
    def next_offset(self) -> int:
        """The `start` at which the next page begins."""
        return self.offset + self.received

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        return self.items[index]


@public("cloudflow_async")
@attrs.frozen(kw_only=True)
class Bookmark:
    """Where to go on in a list that may have changed meanwhile: a `start` that finds its place."""

    offset: int
    """The `start` of the next row, when nothing has changed."""

    last_ids: tuple[str, ...] = ()
    """Ids of the last rows handed out, newest last, at most 100: they show what has changed."""

    total: int | None = None
    """Rows of the whole list at that moment; None where the API does not say."""

    def to_dict(self) -> dict[str, Json]:
        """Return it as JSON."""
        return {"offset": self.offset, "last_ids": list(self.last_ids), "total": self.total}

    @classmethod
    def from_dict(cls, value: Json) -> Bookmark:
        """Return the bookmark that `to_dict` made this of.

        Raises:
            InvalidArgumentError: It is something else.
        """
        if not isinstance(value, dict) or value.keys() != {"offset", "last_ids", "total"}:
            raise InvalidArgumentError(
                "A bookmark is an object of offset, last_ids and total, and nothing else."
            )
        ids = value["last_ids"]
        if not isinstance(ids, list) or len(ids) > MOST_IDS:
            raise InvalidArgumentError(f"last_ids must be a list of at most {MOST_IDS} ids.")
        if not all(isinstance(key, str) for key in ids):
            raise InvalidArgumentError("last_ids must be strings.")
        offset, total = value["offset"], value["total"]
        check_int("offset", offset, 0)
        if total is not None:
            check_int("total", total, 0)
        return cls(offset=offset, last_ids=tuple(ids), total=total)  # type: ignore[arg-type]


@public("cloudflow_async")
@attrs.define(kw_only=True)
class ListReport:
    """How the reading of one list went, or goes."""

    rows: int = 0
    """Rows handed out."""

    pages: int = 0
    """Pages begun to be handed out."""

    duplicates: int = 0
    """Rows dropped because rows inserted meanwhile had pushed them into the next page too."""

    reread: int = 0
    """Pages fetched in addition, because the list had changed."""

    first_total: int | None = None
    """Rows of the whole list, by its first page."""

    total: int | None = None
    """Rows of the whole list, by its last page."""

    failure: CloudFlowError | None = None
    """What ended it early; its `resume_at` is the `start` with which to go on."""

    done: bool = False
    """Whether it was read to its end."""

    uncertain: bool = False
    """Whether rows may have been missed: the list changed in a way that could not be followed."""

    @property
    def complete(self) -> bool:
        """Whether every row was handed out that was in the list all the time."""
        return self.done and self.failure is None and not self.uncertain


@attrs.frozen(kw_only=True)
class Batch(Generic[T]):
    """A page with what is needed to go on after any of its rows."""

    page: Page[T]
    """The page, without rows that were handed out before."""

    ends: Sequence[int]
    """The offset after each of its rows."""

    before: Sequence[Any] = ()
    """Ids of the last rows handed out before it, and of those that came late."""

    late: int = 0
    """How many of its first rows stand in the list before rows that were handed out before."""

    def only(self, places: Sequence[int]) -> Batch[T]:
        """Return it with the rows at these places alone."""
        items = tuple(self.page.items[place] for place in places)
        page = attrs.evolve(self.page, items=items, received=self.page.received)
        ends = [self.ends[place] for place in places]
        late = sum(place < self.late for place in places)
        return attrs.evolve(self, page=page, ends=ends, late=late)

    def resume_at(self, count: int) -> int:
        """Return the `start` after its first `count` rows."""
        if count == len(self.page):
            return self.page.next_offset
        return self.ends[count - 1] if count else self.page.offset

    def bookmark(self, count: int) -> Bookmark:
        """Return where to go on after its first `count` rows were handed out."""
        ids = keys_of(self.page.items[self.late : count]) or ()
        return Bookmark(
            offset=self.resume_at(count) if count > self.late else self._after_late(),
            last_ids=(*self.before, *ids)[-MOST_IDS:],
            total=self.page.total,
        )

    def _after_late(self) -> int:
        """Return where those rows begin that follow all that were handed out before it."""
        if not self.late:
            return self.page.offset
        return self.ends[self.late] - 1 if self.late < len(self.ends) else self.page.next_offset


def keys_of(rows: Sequence[Any]) -> list[Any] | None:
    """Return the ids of rows; None when one of them has none."""
    try:
        keys = list(map(_id_of, rows))
    except AttributeError:
        return None
    return None if None in keys else keys

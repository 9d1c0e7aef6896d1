"""What an error gives away: everything that a log, an error tracker or a task queue records."""

from __future__ import annotations

import base64
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote


def exposed_by(error: BaseException) -> str:
    """Return all text of an error, of what it is chained to, and of our frames in its traceback."""
    return "\n".join(text for each in _chain(error) for text in _texts(each))


def spellings(secret: str) -> list[str]:
    """Return a secret as it is and in the encodings in which it could be overlooked."""
    data = secret.encode()
    return [secret, quote(secret, safe=""), data.hex(), base64.b64encode(data).decode()]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _texts(error: BaseException) -> Iterator[str]:
    yield f"{error} {error!r} {error.args} {vars(error)}"
    yield str(pickle.dumps(error))
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if "cloudflow_async" in frame.f_code.co_filename.split("/"):
            yield repr(frame.f_locals)

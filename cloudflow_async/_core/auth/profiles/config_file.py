"""The configuration file: where it is, and reading it.

It is ``$CLOUDFLOW_CONFIG``, or ``config.toml`` in the configuration folder of the platform
(``~/.config/cloudflow`` on Linux).
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from cloudflow_async._core.errors import CredentialError, InsecureFileError
from cloudflow_async._core.support.files.paths import reason, shown

CONFIG_VARIABLE: Final = "CLOUDFLOW_CONFIG"

T = TypeVar("T")

_LARGEST = 1024 * 1024
_LINE = re.compile(r"at line (\d+)")


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the configuration file, which need not exist."""
    given = environ.get(CONFIG_VARIABLE, "").strip()
    return Path(os.path.abspath(os.path.expanduser(given))) if given else usual_config_path()


def usual_config_path() -> Path:
    """Return the path of the configuration file where nothing else is said."""
    import platformdirs  # noqa: PLC0415 - most programs never use it

    return platformdirs.user_config_path("cloudflow") / "config.toml"


def read_config(path: Path, meaning: Callable[[dict[str, Any]], T]) -> T | None:
    """Return what a configuration file means; None: there is none; this blocks for a moment.

    Args:
        path: Of the file.
        meaning: What to make of the document in it; may raise `CredentialError`.

    Raises:
        InsecureFileError: Everybody can change it.
        CredentialError: It cannot be read, is no TOML or larger than 1 MiB; or as `meaning`.
    """
    try:
        return meaning(_parse(_read_bytes(path)))
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = CredentialError(f"{shown(path)} cannot be read: {reason(error)}.")
    except ValueError as error:
        problem = CredentialError(f"{shown(path)} cannot be used: {error}.")
    except CredentialError as error:
        problem = error
    # Without the frames that it came through: they hold what stands in the file, and somebody
    # may have put a secret there after all.
    raise problem.with_traceback(None)


def _read_bytes(path: Path) -> bytes:
    with contextlib.suppress(NotADirectoryError), path.open("rb") as file:
        _check_writers(os.fstat(file.fileno()), path)
        return file.read(_LARGEST + 1)
    raise FileNotFoundError(path)


def _check_writers(status: os.stat_result, path: Path) -> None:
    # Who can change a base URL can have the credential sent to himself.
    if os.name != "nt" and stat.S_ISREG(status.st_mode) and status.st_mode & stat.S_IWOTH:
        raise InsecureFileError(
            f"Everybody can change {shown(path)}, so it was not used; run chmod o-w on it."
        )


def _parse(data: bytes) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - most programs never use it

    if len(data) > _LARGEST:
        raise ValueError("it is larger than 1 MiB")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        problem = "it is no text in UTF-8"
    except (ValueError, RecursionError) as error:
        line = _LINE.search(str(error))
        problem = f"it is no TOML{f'; see line {line[1]}' if line else ''}"
    raise ValueError(problem)

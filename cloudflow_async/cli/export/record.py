"""A file that says that an export is complete, so that the same command does nothing more.

It is written before the checkpoint is removed, by exports that can be repeated (``--resume``): a
whole output without either could as well be a file of something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from cloudflow_async._core.codec.encode import dumps
from cloudflow_async._core.codec.json import loads
from cloudflow_async._core.errors import DecodeError
from cloudflow_async._core.messages import Json
from cloudflow_async._core.support.files.atomic import remove_leftovers, replace_file
from cloudflow_async.cli.shared.console import FAILED, CommandError

_FORMAT: Final = "cloudflow_async complete export"
_VERSION: Final = 1


@attrs.frozen
class Record:
    """Where it is, and what it is about."""

    path: Path
    output: Path
    """A file, or a folder with a file for each pipeline."""

    suffix: str = attrs.field(kw_only=True)
    """Of the files in the folder."""

    left: Sequence[Path] = attrs.field(kw_only=True)
    """What may be left of an export that was killed when it was complete."""

    def write(self, asked: Mapping[str, Json]) -> None:
        """Say that the output has all that was asked for.

        Raises:
            CommandError: It cannot be written.
        """
        content = {"format": _FORMAT, "version": _VERSION, "asked": asked, "sizes": self._sizes()}
        try:
            replace_file(self.path, dumps(content))
            remove_leftovers(self.path)
        except OSError as error:
            raise CommandError(
                f"cannot write {self.path}: {error.strerror}.", status=FAILED
            ) from error

    def remove(self) -> None:
        """Remove it, before its output becomes another one."""
        self.path.unlink(missing_ok=True)

    def clean_up(self) -> None:
        """Remove what only served to go on with the export."""
        for path in self.left:
            path.unlink(missing_ok=True)
            remove_leftovers(path)

    def read(self) -> Mapping[str, Json]:
        """Return what was asked for.

        Raises:
            CommandError: It is of another kind, or the output was changed since.
        """
        try:
            found = loads(self.path.read_bytes())
        except (DecodeError, OSError):
            found = None
        kept = found if isinstance(found, dict) else {}
        asked = kept.get("asked")
        if (kept.get("format"), kept.get("version")) != (_FORMAT, _VERSION) or not isinstance(
            asked, dict
        ):
            raise CommandError(f"{self.path} is not of an export; --overwrite begins anew.")
        if kept.get("sizes") != self._sizes():
            raise CommandError(
                f"{self.output} was changed after its export was complete; choose another --out, "
                "or say --overwrite."
            )
        return asked

    def _sizes(self) -> dict[str, Json]:
        if not self.output.is_dir():
            return {self.output.name: self.output.stat().st_size}
        files = sorted(self.output.glob(f"*{self.suffix}"))
        return {file.name: file.stat().st_size for file in files}

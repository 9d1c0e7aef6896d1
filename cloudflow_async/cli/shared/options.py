"""Option types that several commands share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from cyclopts import Parameter

Flag: TypeAlias = Annotated[bool, Parameter(negative="", show_default=False)]
"""An option without a value; there is no ``--no-...`` for it."""

File: TypeAlias = Annotated[str | None, Parameter(metavar="FILE", allow_leading_hyphen=True)]
"""A path, or ``-``."""

Name: TypeAlias = Annotated[str | None, Parameter(metavar="NAME")]
"""What something is called."""

Url: TypeAlias = Annotated[str | None, Parameter(metavar="URL")]
"""An address."""

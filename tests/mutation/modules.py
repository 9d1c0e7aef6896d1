"""The modules whose tests are measured, the files they consist of, and who tests these."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

_ENGINE: Final = "cloudflow_async/_core"
_DECODES: Final = ("decode", "columns", "fields", "timestamps", "json")


@attrs.frozen
class Module:
    """What is measured as one."""

    name: str

    files: tuple[str, ...]
    """Patterns of source files, from the root of the project on."""

    tests: tuple[str, ...]
    """Tried on what a file's own tests do not notice: those that use the module."""

    def sources(self, root: Path) -> list[str]:
        """Return its files, in the order of their names."""
        found = [path for pattern in self.files for path in sorted(root.glob(pattern))]
        return [path.relative_to(root).as_posix() for path in found]


MODULES: Final = [
    Module("retry", (f"{_ENGINE}/http/retry.py",), ("tests/core/test_session.py",)),
    Module("webhooks", (f"{_ENGINE}/webhooks/*.py",), ("tests/core/webhooks",)),
    Module(
        "decode",
        (
            *(f"{_ENGINE}/codec/{name}.py" for name in _DECODES),
            f"{_ENGINE}/http/response.py",
        ),
        (
            "tests/core/codec",
            "tests/core/http/test_response.py",
            "tests/core/paging/test_reader.py",
            "tests/core/test_messages.py",
            "tests/core/test_resource.py",
            "tests/core/test_session.py",
        ),
    ),
    Module("auth", (f"{_ENGINE}/auth/**/*.py",), ("tests/core/auth", "tests/test_public_api.py")),
]


def own_tests(root: Path, source: str) -> str | None:
    """Return the file of a source file's own tests; None when it has none.

    ``loopback_pages`` is a part of what the tests of ``loopback`` try.
    """
    path = Path(source)
    folder = Path("tests", *path.parent.parts[1:]).as_posix().replace("/_core", "/core")
    name = path.stem
    while name:
        if (root / folder / f"test_{name}.py").exists():
            return f"{folder}/test_{name}.py"
        name = name.rpartition("_")[0]
    return None

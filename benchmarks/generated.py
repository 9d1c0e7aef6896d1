"""Clients that code generators make of ``openapi.json`` at run time, where the tools are."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

_DOCUMENT: Final = Path(__file__).with_name("openapi.json")
_PATIENCE: Final = 120.0
"""Seconds that a generator may take."""


class AbsentError(Exception):
    """A peer cannot take part; the message says why."""


@functools.cache
def openapi_python_client() -> dict[str, ModuleType]:
    """Return the modules of what openapi-python-client makes, by what they are for.

    Raises:
        AbsentError: The tool is not installed, or failed.
        ModuleNotFoundError: What the made client imports is not installed.
    """
    package = "made_by_openapi_python_client"
    with _workshop() as folder:
        # Its way to call a formatter is not needed, and needs the formatter.
        config = folder / "config.json"
        config.write_text(json.dumps({"post_hooks": []}))
        _run(
            "openapi-python-client",
            *("generate", "--meta", "none", "--path", str(_DOCUMENT)),
            *("--config", str(config), "--output-path", str(folder / package)),
        )
        return {
            "client": importlib.import_module(package),
            "page": importlib.import_module(f"{package}.api.pipelines.list_pipeline_executions"),
            "workflow": importlib.import_module(f"{package}.api.workflows.get_workflow"),
        }


@functools.cache
def openapi_generator() -> ModuleType:
    """Return what OpenAPI Generator makes with its library ``asyncio``.

    Raises:
        AbsentError: The tool or Java is not installed, or failed.
        ModuleNotFoundError: What the made client imports is not installed.
    """
    package = "made_by_openapi_generator"
    if shutil.which("java") is None:
        raise AbsentError("OpenAPI Generator needs java, which is not on the PATH")
    with _workshop() as folder:
        _run(
            "openapi-generator-cli",
            *("generate", "-g", "python", "--library", "asyncio", "-i", str(_DOCUMENT)),
            *("-o", str(folder), "--package-name", package),
        )
        return importlib.import_module(package)


@contextmanager
def _workshop() -> Iterator[Path]:
    """Yield a folder from which one can import, for as long as that takes."""
    with tempfile.TemporaryDirectory() as name:
        sys.path.insert(0, name)
        importlib.invalidate_caches()
        try:
            yield Path(name)
        finally:
            sys.path.remove(name)


def _run(tool: str, *arguments: str) -> None:
    # Installed beside this interpreter, a tool need not be on the PATH.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    program = shutil.which(tool, path=places)
    if program is None:
        raise AbsentError(f"{tool} is not installed")
    try:
        subprocess.run(
            [program, *arguments], check=True, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().rpartition("\n")[2]
        raise AbsentError(f"{tool} ended with {error.returncode}: {last}") from error
    except subprocess.TimeoutExpired as error:
        raise AbsentError(f"{tool} took more than {_PATIENCE:.0f} s") from error

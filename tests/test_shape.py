"""What the package is made of: cheap to import, few dependencies, nothing dangerous."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

_ROOT = Path(__file__).parent.parent
_SOURCES = sorted((_ROOT / "cloudflow_async").rglob("*.py"))
_PROJECT = tomllib.loads((_ROOT / "pyproject.toml").read_text())
_DEPENDENCIES = [Requirement(text) for text in _PROJECT["project"]["dependencies"]]

_IMPORT = """
import json, os, sys, threading
events = set()
def watch(event, arguments):
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        events.add(event)
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork")):
        events.add(event)
sys.dont_write_bytecode = True
sys.addaudithook(watch)
before, loaded = dict(os.environ), set(sys.modules)
from cloudflow_async import CloudFlow
print(json.dumps({
    "modules": sorted(set(sys.modules) - loaded),
    "environment_changed": before != dict(os.environ),
    "threads": threading.active_count(),
    "events": sorted(events),
}))
"""


@pytest.fixture(scope="module")
def imported() -> dict[str, Any]:
    """Return what a fresh interpreter looks like once the client is imported."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", _IMPORT],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    facts: dict[str, Any] = json.loads(run.stdout)
    return facts


@pytest.mark.parametrize(
    "module",
    [
        "aiohttp.web",
        "cloudflow_async.cli",
        "cloudflow_async.emulator",
        "cloudflow_async.techflow",
        "cryptography",
        "cyclopts",
        "jwt",
        "keyring",
        "platformdirs",
        "pytest",
        "rich",
        "tomllib",
        "webbrowser",
    ],
)
def test_the_import_leaves_optional_parts_alone(imported: dict[str, Any], module: str) -> None:
    """What costs time and is not needed by every program is loaded by those that use it."""
    assert module not in imported["modules"]


def test_the_import_changes_nothing(imported: dict[str, Any]) -> None:
    """Importing starts no thread or process, opens no socket, writes no file or variable."""
    assert not imported["environment_changed"]
    assert 1 == imported["threads"]
    assert [] == imported["events"]


def test_there_are_few_dependencies() -> None:
    """What a user has to trust and keep up to date stays small."""
    assert {
        "aiohttp",
        "aiolimiter",
        "attrs",
        "cattrs",
        "cryptography",
        "platformdirs",
        "PyJWT",
    } == {requirement.name for requirement in _DEPENDENCIES}


@pytest.mark.parametrize("requirement", _DEPENDENCIES, ids=str)
def test_a_dependency_has_a_floor_and_no_ceiling(requirement: Requirement) -> None:
    """The lowest version is declared and satisfied; an untested upper bound is not made up."""
    assert [">="] == [bound.operator for bound in requirement.specifier]
    assert requirement.specifier.contains(importlib.metadata.version(requirement.name))


@pytest.mark.parametrize(
    ("name", "lowest"),
    [
        ("aiohttp", "3.14.3"),  # credentials on redirects, pool poisoning after a cancel
        ("PyJWT", "2.12.0"),  # the "crit" header
    ],
)
def test_versions_with_known_holes_are_refused(name: str, lowest: str) -> None:
    """Floors are above the releases that leak or accept what they must not."""
    (floor,) = (
        Version(bound.version)
        for requirement in _DEPENDENCIES
        if requirement.name == name
        for bound in requirement.specifier
    )

    assert floor >= Version(lowest)


def _calls(source: Path) -> Iterator[ast.Call]:
    tree = ast.parse(source.read_text())
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


_DANGEROUS_CALLS = {
    "__import__",
    "eval",
    "exec",
    "marshal.loads",
    "os.popen",
    "os.system",
    "pickle.load",
    "pickle.loads",
    "ssl._create_unverified_context",
    "yaml.load",
}
_DANGEROUS_ARGUMENTS = {"check_hostname=False", "shell=True", "ssl=False", "verify=False"}


@pytest.mark.parametrize("source", _SOURCES, ids=lambda source: str(source.relative_to(_ROOT)))
def test_nothing_dangerous_is_called(source: Path) -> None:
    """No call runs text as code, unpickles, starts a shell or stops verifying certificates."""
    calls = list(_calls(source))
    called = {ast.unparse(call.func) for call in calls}
    arguments = {ast.unparse(keyword) for call in calls for keyword in call.keywords}

    assert set() == called & _DANGEROUS_CALLS
    assert set() == arguments & _DANGEROUS_ARGUMENTS

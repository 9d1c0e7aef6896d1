"""What a user can name: complete, documented, and able to travel between processes."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import itertools
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

import cloudflow_async
from cloudflow_async._core import errors

_PUBLIC = {name: getattr(cloudflow_async, name) for name in cloudflow_async.__all__}
_PUBLIC_CLASSES: dict[str, Any] = {
    name: obj for name, obj in _PUBLIC.items() if inspect.isclass(obj)
}


def _subclasses(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__.partition(".")[0] == "cloudflow_async":
            yield from _subclasses(child)


_ERRORS = sorted(set(_subclasses(errors.CloudFlowError)), key=lambda error: error.__name__)


def test_all_is_sorted() -> None:
    """Public names are listed once each, in the order of their characters."""
    listed = list(cloudflow_async.__all__)

    assert sorted(set(listed)) == listed


def test_all_is_complete() -> None:
    """Every public name that is gathered is listed, and shows when the package is explored."""
    gathered = _imported(importlib.import_module("cloudflow_async._public"))
    del gathered["_NO_FIELDS"]

    assert set(gathered) == set(cloudflow_async.__all__)
    assert set() == set(cloudflow_async.__all__) - set(dir(cloudflow_async))


def _imported(module: ModuleType) -> dict[str, str]:
    """Return what type checkers see in a module: where each name is imported from."""
    return {
        alias.asname or alias.name: "." * node.level + (node.module or "")
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }


_LATE = ["cloudflow_async._public", "cloudflow_async._core.auth"]


@pytest.mark.parametrize("module", _LATE)
def test_a_name_that_is_loaded_late_is_the_one_that_type_checkers_see(module: str) -> None:
    """Type checkers read the imports, and Python reads the table: both name the same places."""
    late = importlib.import_module(module)
    imported = _imported(late)

    assert set(late._HOMES) <= set(imported)
    assert late._HOMES == {name: imported[name] for name in late._HOMES}
    assert set() == set(late.__all__) - set(late._HOMES) - set(vars(late))


@pytest.mark.parametrize("module", ["cloudflow_async", *_LATE])
def test_an_unknown_name_is_an_attribute_error(module: str) -> None:
    """Names that resolve lazily do not turn a misspelt one into anything else."""
    with pytest.raises(AttributeError, match="CloudFlaw"):
        getattr(importlib.import_module(module), "CloudFlaw")  # noqa: B009  # types know better


_USE_A_KEY = """
import json, sys
from cloudflow_async import CloudFlow
CloudFlow("cf_test_key")
print(json.dumps(sorted(name for name in sys.modules if name.startswith("cloudflow_async."))))
"""


@pytest.fixture(scope="module")
def loaded_for_a_key() -> set[str]:
    """Return the modules of this package that a client with an API key needs."""
    run = subprocess.run(
        [sys.executable, "-c", _USE_A_KEY], capture_output=True, text=True, check=True
    )
    return set(json.loads(run.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "_core.auth.chain",
        "_core.auth.jwt.jwt",
        "_core.auth.oauth2.oauth2",
        "_core.auth.profiles.profiles",
        "_core.fan_out.fan_out",
        "_core.webhooks",
        "cloudflow.events",
        "cloudflow.router",
    ],
)
def test_a_client_with_a_key_loads_what_it_needs(loaded_for_a_key: set[str], module: str) -> None:
    """What costs time at the start is loaded by the programs that name it."""
    assert f"cloudflow_async.{module}" not in loaded_for_a_key


@pytest.mark.parametrize(
    "module",
    [
        "cloudflow_async",
        "cloudflow_async.techflow",
        "cloudflow_async.emulator",
        "cloudflow_async.web",
    ],
)
def test_what_is_public_says_where_it_is_imported_from(module: str) -> None:
    """The ``__module__`` of a class or function is the public module that it is imported from."""
    face = importlib.import_module(module)
    things = {name: getattr(face, name) for name in face.__all__}
    said = {
        name: thing.__module__
        for name, thing in things.items()
        if inspect.isclass(thing) or inspect.isroutine(thing)
    }

    assert said == dict.fromkeys(said, module)
    assert all(things[name].__qualname__ == name for name in said)


@pytest.mark.parametrize("first", ["", "import cloudflow_async; cloudflow_async.CloudFlow"])
def test_a_pickle_names_no_file_of_the_package(first: str) -> None:
    """It loads wherever a class is defined, and whatever was imported before it was made."""
    program = f"""
import pickle, sys
{first}
from cloudflow_async.techflow import Workflow
from cloudflow_async._core.errors import NotFoundError
from cloudflow_async._core.http.response import Response
values = [NotFoundError("gone", status=404), Workflow(id="wf_1", name="Report")]
values.append(Response(status=200, headers=dict(), body=b"[1]"))
sys.stdout.buffer.write(pickle.dumps(values))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    error, workflow, response = pickle.loads(run.stdout)  # noqa: S301  # our own

    assert b"_core" not in run.stdout
    assert (404, "Report", [1]) == (error.status, workflow.name, response.json())
    assert cloudflow_async.NotFoundError is type(error)


@pytest.mark.parametrize(
    "name",
    [name for name, obj in _PUBLIC.items() if inspect.isclass(obj) or inspect.isroutine(obj)],
)
def test_what_is_public_is_documented(name: str) -> None:
    """Classes and functions say what they are for."""
    assert inspect.getdoc(_PUBLIC[name])


@pytest.mark.parametrize("name", _PUBLIC_CLASSES)
def test_the_members_of_a_public_class_are_documented(name: str) -> None:
    """Methods and properties say what they are for, in the class or in one above it."""
    cls = _PUBLIC_CLASSES[name]
    members = [
        member
        for member, value in vars(cls).items()
        if not member.startswith("_")
        and (inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod))
    ]

    assert [] == [member for member in members if not inspect.getdoc(getattr(cls, member))]


@pytest.mark.parametrize("name", [name for name, cls in _PUBLIC_CLASSES.items() if attrs.has(cls)])
def test_every_public_field_has_a_docstring_under_it(name: str) -> None:
    """A field of a data class is documented where it is defined."""
    cls = _PUBLIC_CLASSES[name]
    documented = {field for base in cls.__mro__ for field in _documented_fields(base)}
    fields = {field.name for field in attrs.fields(cls) if not field.name.startswith("_")}

    assert set() == fields - documented


@cache
def _bodies() -> dict[str, list[list[ast.stmt]]]:
    """Return the bodies of all classes of the package, by name."""
    found: dict[str, list[list[ast.stmt]]] = {}
    for path in Path(cloudflow_async.__file__ or "").parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node.body)
    return found


@cache
def _documented_fields(cls: type) -> frozenset[str]:
    """Return the fields with a string under them in the source of a class."""
    if not cls.__module__.startswith("cloudflow_async"):
        return frozenset()
    bodies = _bodies()[cls.__name__]
    return frozenset(
        field.target.id
        for body in bodies
        for field, after in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
        and isinstance(after.value.value, str)
    )


def _tree_drawn() -> dict[str, str | None]:
    """Read the tree in the docstring of the errors: the parent of each."""
    parents: dict[str, str | None] = {}
    above: dict[int, str] = {}
    for line in str(inspect.getdoc(errors)).splitlines():
        if match := re.match(r"(?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+Error)\b", line):
            column = len(match["indent"])
            above = {at: name for at, name in above.items() if at < column}
            parents[match["name"]] = above[max(above)] if above else None
            above[column] = match["name"]
    return parents


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    """The tree in the docstring of the errors has every class, under the class it derives from."""
    derived = {
        error.__name__: next(
            (base.__name__ for base in error.__bases__ if issubclass(base, errors.CloudFlowError)),
            None,
        )
        for error in _ERRORS
    }

    assert derived == _tree_drawn()


def test_every_error_is_public() -> None:
    """A user can catch by name whatever the package raises."""
    assert set() == {error.__name__ for error in _ERRORS} - set(cloudflow_async.__all__)


def _full(cls: type[BaseException]) -> BaseException:
    """Return an error with every attribute set to a value of its own."""
    names = {
        name
        for base in cls.__mro__
        if issubclass(base, errors.CloudFlowError)
        for name, parameter in inspect.signature(base).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    return cls("the message", **{name: f"the {name}" for name in names})


@pytest.mark.parametrize("cls", _ERRORS)
@pytest.mark.parametrize(
    "travel",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],  # noqa: S301  # our own
    ids=["pickle", "copy", "deepcopy"],
)
def test_an_error_travels_with_its_attributes(cls: type[BaseException], travel: Any) -> None:
    """Errors pickle, copy and deep-copy with all that they know: task queues move them."""
    error = _full(cls)
    arrived = travel(error)

    assert type(error) is type(arrived)
    assert error.args == arrived.args
    assert vars(error) == vars(arrived)
    assert str(error) == str(arrived)


@pytest.mark.parametrize("cls", _ERRORS)
def test_an_error_can_be_made_again_from_its_arguments(cls: type[BaseException]) -> None:
    """``type(e)(*e.args)`` works, which is how some libraries raise an error a second time."""
    error = _full(cls)

    assert str(error) == str(type(error)(*error.args))

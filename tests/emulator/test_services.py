"""In what the services behind the port differ; their answers are tested where they are made."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from cloudflow_async.emulator import Emulator, Fault
from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.services import Api
from tests.emulator.conftest import NOON

NAMES = ["cloudflow", "authorization", "techflow"]
PATHS = {
    "cloudflow": "/v2/workflows",
    "authorization": "/oauth/token",
    "techflow": "/techflow/v2/workflows",
}


def service(emulator: Emulator, name: str) -> Api:
    """Return the one that answers what goes to its path."""
    return emulator._app._api_for(PATHS[name])


@pytest.mark.parametrize("name", NAMES)
def test_each_knows_its_own_paths(name: str) -> None:
    """And no others."""
    api = service(Emulator(), name)

    assert {path: path == PATHS[name] for path in PATHS.values()} == {
        path: api.match(path) is not None for path in PATHS.values()
    }


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_known_without_a_credential(name: str) -> None:
    """The authorization server knows nobody at all: it asks in its own way."""
    emulator = Emulator()
    headers = {
        "cloudflow": {"X-API-Key": emulator.api_key},
        "authorization": {"Authorization": f"Bearer {emulator.add_token('admin:full')}"},
        "techflow": {"Authorization": f"Bearer {emulator.techflow.api_key}"},
    }[name]
    api = service(emulator, name)

    with pytest.raises(Problem) as refused:
        api.identify(CIMultiDictProxy(CIMultiDict()), NOON)

    assert 401 == refused.value.status
    if name == "authorization":
        with pytest.raises(Problem):
            api.identify(CIMultiDictProxy(CIMultiDict(headers)), NOON)
    else:
        assert api.identify(CIMultiDictProxy(CIMultiDict(headers)), NOON).name.endswith("key 1")


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("cloudflow", (100, 20)),
        ("authorization", (None, None)),
        ("techflow", (100, None)),
    ],
)
def test_each_has_limits_of_its_own(name: str, limits: tuple[int | None, int | None]) -> None:
    """For those who are known, and for strangers."""
    api = service(Emulator(), name)
    budgets = api.budget(("key", 1), "127.0.0.1"), api.budget(None, "127.0.0.1")

    assert limits == tuple(budget and budget.peek(NOON).limit for budget in budgets)


@pytest.mark.parametrize("name", NAMES)
def test_techflows_errors_have_no_body(name: str) -> None:
    """Refusals and faults of the others come in the documented envelope."""
    api = service(Emulator(), name)
    refusal = api.refusal(Problem(404, headers={"X-A": "b"}), "req_1")
    failure = api.failure(Fault(status=500), "req_1")

    assert (404, 500) == (refusal.status, failure.status)
    assert {"X-A": "b"} == refusal.headers
    assert [name == "techflow"] * 2 == [reply.body is None for reply in (refusal, failure)]
    assert (name != "techflow") == api.tells_limits

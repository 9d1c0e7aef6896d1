"""Paths, methods, and who may use them."""

from __future__ import annotations

from typing import Any

import pytest

from cloudflow_async.emulator import Emulator
from cloudflow_async.emulator.base.paths import (
    Match,
    is_for_authorization_server,
    is_for_techflow,
    match_authorization,
)
from cloudflow_async.emulator.base.problems import Problem
from cloudflow_async.emulator.cloudflow.routes import ROUTES, find_route, match_path
from cloudflow_async.emulator.cloudflow.seeding import Seeding
from cloudflow_async.emulator.credentials.identities import SCOPES
from tests.emulator.conftest import NOON, Api
from tests.emulator.forged_tokens import ISSUER, KEY_ID, public_pem, rsa_key, token


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/v2/workflows", Match("/workflows", {})),
        ("/v2/workflows/wf_1", Match("/workflows/{workflow_id}", {"workflow_id": "wf_1"})),
        ("/v2/workflows/a%2Fb%3F", Match("/workflows/{workflow_id}", {"workflow_id": "a/b?"})),
        ("/v2/workflows/..", Match("/workflows/{workflow_id}", {"workflow_id": ".."})),
        ("/v2/workflows/%ff", Match("/workflows/{workflow_id}", {"workflow_id": "\ufffd"})),
        (
            "/v2/webhooks/wf_1/trigger",
            Match("/webhooks/{workflow_id}/trigger", {"workflow_id": "wf_1"}),
        ),
    ],
)
def test_a_path_fits_one_template_and_its_parameters_are_decoded(path: str, match: Match) -> None:
    """A parameter is one segment, whatever is encoded in it."""
    assert match == match_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/v2",
        "/v2/",
        "/v3/workflows",
        "/workflows",
        "/v2/workflows/",
        "/v2//workflows",
        "/v2/workflows/a/b",
        "/v2/pipelines/p/runs",
        "http://localhost/v2/workflows",
        "/v2workflows",
        "/oauth/token",
        "/techflow/v2/workflows",
    ],
)
def test_other_paths_fit_none(path: str) -> None:
    """Neither a missing prefix nor an empty segment is overlooked."""
    assert match_path(path) is None


def test_the_authorization_server_has_paths_of_its_own() -> None:
    """They are not below the prefix, and end without a slash."""
    assert Match("/oauth/token", {}) == match_authorization("/oauth/token")
    assert match_authorization("/oauth/token/") is None
    assert match_authorization("/v2/oauth/token") is None
    assert match_authorization("/v2/workflows") is None


def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405_with_the_right_ones() -> None:
    """`Allow` lists the methods in the document's order."""
    with pytest.raises(Problem) as unknown:
        find_route("GET", None)
    with pytest.raises(Problem) as wrong:
        find_route("PUT", match_path("/v2/workflows/wf_1"))

    assert unknown.value.status == 404
    assert wrong.value.status == 405
    assert wrong.value.headers == {"Allow": "GET, PATCH, DELETE"}


def test_every_route_is_found_by_its_method_and_template() -> None:
    """The table is reachable as a whole."""
    found = [find_route(route.method, Match(route.template, {})) for route in ROUTES]

    assert list(ROUTES) == found


@pytest.mark.parametrize(
    ("path", "its"),
    [
        ("/oauth/token", True),
        ("/oauth/nowhere", True),
        ("/.well-known/oauth-authorization-server", True),
        ("/oauth", False),
        ("/v2/oauth/token", False),
        ("//oauth/token", False),
        ("/%6Fauth/token", False),
        ("/", False),
    ],
)
def test_the_authorization_server_has_two_folders(path: str, its: bool) -> None:
    """Everything in them is its own, known or not."""
    assert its == is_for_authorization_server(path)


@pytest.mark.parametrize(
    ("path", "its"),
    [
        ("/techflow/v2/workflows", True),
        ("/techflow/v3/nowhere", True),
        ("/techflow", False),
        ("/v2/techflow/workflows", False),
        ("/tech%66low/v2/workflows", False),
    ],
)
def test_techflow_has_a_folder(path: str, its: bool) -> None:
    """Of whatever version, known or not."""
    assert its == is_for_techflow(path)


NEW_WORKFLOW = {"name": "n", "trigger": {"type": "webhook"}, "steps": []}
NEW_WEBHOOK = {"url": "https://x.example", "events": ["workflow.failed"]}

GRID: dict[tuple[str, str], tuple[str, Any, int]] = {
    ("GET", "/workflows"): ("workflows:read", None, 200),
    ("POST", "/workflows"): ("workflows:write", NEW_WORKFLOW, 201),
    ("GET", "/workflows/{workflow_id}"): ("workflows:read", None, 200),
    ("PATCH", "/workflows/{workflow_id}"): ("workflows:write", {"name": "n"}, 200),
    ("DELETE", "/workflows/{workflow_id}"): ("workflows:write", None, 204),
    ("GET", "/pipelines/{pipeline_id}/executions"): ("pipelines:read", None, 200),
    ("GET", "/analytics/workflows/{workflow_id}"): ("analytics:read", None, 200),
    ("POST", "/webhooks"): ("workflows:write", NEW_WEBHOOK, 201),
    ("POST", "/webhooks/{workflow_id}/trigger"): ("workflows:write", {}, 202),
}
"""Scope, a body that is accepted, and the status then, of every endpoint."""


def set_stage(stage: Seeding) -> None:
    """Put there what the paths of the grid name."""
    stage.add_workflow(id="wf_1", trigger={"type": "webhook"})
    stage.add_pipeline("pipe_1")


def concrete(template: str) -> str:
    """Return a path to what is on the stage."""
    path = template.format(workflow_id="wf_1", pipeline_id="pipe_1")
    return path + "?period=7d" if path.startswith("/analytics") else path


def sign_in(emulator: Emulator, kind: str, scope: str, account: str = "default") -> dict[str, str]:
    """Return the header of somebody who has a single scope."""
    if kind == "key":
        return {"X-API-Key": emulator.add_key(scope, account=account)}
    if kind == "token":
        return {"Authorization": f"Bearer {emulator.add_token(scope, account=account)}"}
    pem = public_pem(rsa_key(ISSUER))
    emulator.add_jwt_key(pem, issuer=ISSUER, key_id=KEY_ID, account=account)
    return {"Authorization": f"Bearer {token(NOON, claims={'scope': scope})}"}


def test_the_grid_knows_every_endpoint() -> None:
    """A new one has to be put into it."""
    assert list(GRID) == [(route.method, route.template) for route in ROUTES]


@pytest.mark.parametrize("kind", ["key", "token", "JWT"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_each_endpoint_asks_for_its_scope(
    api: Api, emulator: Emulator, kind: str, scope: str
) -> None:
    """Every route with every single scope: a 403 exactly where the scope is another."""
    headers = sign_in(emulator, kind, scope)
    for (method, template), (needed, body, status) in GRID.items():
        set_stage(emulator)
        answer = await api(method, concrete(template), key=None, headers=headers, json=body)

        if scope in {needed, "admin:full"}:
            assert (template, status) == (template, answer.status)
        else:
            assert answer.error == (403, "insufficient_permissions", None)
            assert needed in answer.json["error"]["message"]
            assert (kind != "key") == ("WWW-Authenticate" in answer.headers)


@pytest.mark.parametrize("kind", ["key", "token", "JWT"])
async def test_what_another_account_has_does_not_exist(
    api: Api, emulator: Emulator, kind: str
) -> None:
    """Its paths are 404s, its lists are empty, and nothing that is sent touches it."""
    set_stage(emulator.account("acme"))
    headers = sign_in(emulator, kind, "admin:full", account="other")
    answers = {
        (method, template): await api(
            method, concrete(template), key=None, headers=headers, json=body
        )
        for (method, template), (_, body, _) in GRID.items()
    }
    named = {key: answer for key, answer in answers.items() if "{" in key[1]}
    insider = await api("GET", "/workflows", key=emulator.add_key("admin:full", account="acme"))

    assert [404] * 6 == [answer.status for answer in named.values()]
    assert answers["GET", "/workflows"].ids == []
    assert insider.ids == ["wf_1"]
    assert insider.json["data"][0]["name"] == "Workflow"

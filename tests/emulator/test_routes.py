"""Paths and methods."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.problems import Problem
from cloudflow_async.emulator.routes import ROUTES, Match, find_route, match_path


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
    ],
)
def test_other_paths_fit_none(path: str) -> None:
    """Neither a missing prefix nor an empty segment is overlooked."""
    assert match_path(path) is None


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

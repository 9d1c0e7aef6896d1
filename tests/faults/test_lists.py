"""Why a page from another offset has no meaning where something is created or changed."""

from __future__ import annotations

import pytest

from .operations import document


@pytest.mark.parametrize("name", ["create_workflow.201.json", "update_workflow.200.json"])
def test_what_is_created_or_changed_has_no_offset(name: str) -> None:
    """None of the documented answers to a POST or PATCH tells one; those to a list do."""
    assert b'"offset"' not in document(name)
    assert b'"offset"' in document("list_workflows.200.json")

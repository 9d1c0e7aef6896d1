"""The headers of a delivery, each once."""

from __future__ import annotations

from email.message import Message
from types import MappingProxyType
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from cloudflow_async._core.errors import InvalidArgumentError, WebhookVerificationError
from cloudflow_async._core.webhooks.headers import DeliveryHeaders

NAME = "webhook-id"


def _message() -> Message:
    message = Message()
    message["Webhook-Id"] = "msg_1"
    return message


@pytest.mark.parametrize(
    "headers",
    [
        {NAME: "msg_1"},
        {"Webhook-ID": "msg_1", "other": "\x00"},
        MappingProxyType({NAME: "msg_1"}),
        CIMultiDictProxy(CIMultiDict({"Webhook-Id": "msg_1"})),
        [(b"webhook-id", b"msg_1"), (b"accept", b"\xff")],
        [("WEBHOOK-ID", "msg_1")],
        (pair for pair in [(b"Webhook-Id", "msg_1")]),
        [[NAME, "msg_1"]],
        _message(),
        [(NAME, "msg_1"), ("accept", "a"), ("accept", "b"), (None, 5), (None, 6)],
    ],
    ids=lambda headers: type(headers).__name__,
)
def test_headers_come_in_the_forms_of_all_frameworks(headers: Any) -> None:
    """Mappings, multidicts and pairs, of str and of bytes, whatever the case and the others."""
    assert "msg_1" == DeliveryHeaders(headers).one(NAME)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ([], "is missing"),
        ({"webhook_id": "msg_1"}, "is missing"),
        ({}, "is missing"),
        ([(NAME, "msg_1"), (NAME, "msg_1")], "is repeated"),
        ([(NAME, "msg_1"), (b"Webhook-Id", b"msg_2")], "is repeated"),
        ([(NAME, ""), (NAME, "msg_1")], "is repeated"),
        (CIMultiDict([("Webhook-Id", "a"), ("webhook-ID", "b")]), "is repeated"),
        ({NAME: "msg_1", "Webhook-Id": "msg_1"}, "is repeated"),
        ({NAME: ""}, "is empty or not"),
        ({NAME: "é"}, "is empty or not"),
        ([(NAME, b"\xc3\xa9")], "is empty or not"),
        ({NAME: "a\r\n b"}, "is empty or not"),
        ({NAME: "a\tb"}, "is empty or not"),
        ({NAME: "a\x00"}, "is empty or not"),
        ({NAME: "a\x7f"}, "is empty or not"),
        ({NAME: "\udcff"}, "is empty or not"),
        ({NAME: None}, "is empty or not"),
        ({NAME: 5}, "is empty or not"),
        ({NAME: ["msg_1"]}, "is empty or not"),
    ],
)
def test_one_printable_value_or_none_at_all(headers: Any, problem: str) -> None:
    """Whatever else stands there is refused, by what is wrong with it and never by its value."""
    with pytest.raises(WebhookVerificationError, match=f"^The header {NAME} {problem}"):
        DeliveryHeaders(headers).one(NAME)


@pytest.mark.parametrize("headers", [None, 5, "webhook-id", [("a",)], [("a", "b", "c")], [5]])
def test_what_is_no_headers_is_a_mistake_of_the_program(headers: Any) -> None:
    """No sender can cause that, so it is not an answer to one."""
    with pytest.raises(InvalidArgumentError, match="mapping or pairs"):
        DeliveryHeaders(headers)

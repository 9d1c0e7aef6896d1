"""Requests that come from elsewhere."""

from __future__ import annotations

import pytest

from cloudflow_async.emulator.http.origin_check import (
    check_listening_host,
    is_loopback_peer,
    is_own_host,
    is_own_origin,
)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8787", "localhost:8787", "LocalHost:8787", "[::1]:8787", "127.8.9.10:8787"]
)
def test_loopback_names_with_the_right_port_are_own(host: str) -> None:
    """Literals of the loopback networks and localhost."""
    assert is_own_host(host, 8787)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":8787",
        "127.0.0.1",
        "127.0.0.1:8788",
        "127.0.0.1:87870",
        "127.0.0.1:8787:8787",
        "127.0.0.1.:8787",
        "127.0.0.1.evil.example:8787",
        "localhost.evil.example:8787",
        "evil.example:8787",
        "evil@127.0.0.1:8787",
        "127.1:8787",
        "2130706433:8787",
        "0177.0.0.1:8787",
        "0x7f.1:8787",
        "\N{CIRCLED DIGIT ONE}27.0.0.1:8787",
        "0.0.0.0:8787",
        "10.0.0.7:8787",
        "[::]:8787",
        "::1:8787",
        "localhost.:8787",
    ],
)
def test_other_names_and_ports_are_foreign(host: str) -> None:
    """DNS rebinding brings a name, and disguises of the loopback address are not needed."""
    assert not is_own_host(host, 8787)


def test_no_port_means_port_80() -> None:
    """As in every URL with http."""
    assert is_own_host("localhost", 80)
    assert not is_own_host("localhost", 8787)


def test_serving_other_machines_admits_addresses_but_no_names() -> None:
    """Rebinding needs a name, so names stay foreign."""
    assert is_own_host("10.0.0.7:8787", 8787, remote=True)
    assert not is_own_host("evil.example:8787", 8787, remote=True)


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        ("http://127.0.0.1:8787", True),
        ("http://localhost:8787", True),
        ("https://127.0.0.1:8787", False),
        ("http://127.0.0.1:9999", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_only_pages_of_this_server_are_of_its_origin(origin: str, own: bool) -> None:
    """Scheme, host and port all count."""
    assert own == is_own_origin(origin, 8787)


@pytest.mark.parametrize("host", ["::", "localhost", "192.168.1.2", ""])
def test_listening_beyond_loopback_needs_a_word(host: str) -> None:
    """The error says which word."""
    check_listening_host(host, allow_remote=True)

    with pytest.raises(ValueError, match="allow_remote=True"):
        check_listening_host(host, allow_remote=False)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.7", False),
        ("10.0.0.7", False),
        ("0.0.0.0", False),  # noqa: S104 - an address to refuse
        ("fe80::1", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_this_machine_is_known_by_its_address(address: str | None, *, expected: bool) -> None:
    """In either family, and as a socket for both shows it; what is not known is elsewhere."""
    assert is_loopback_peer(address) is expected

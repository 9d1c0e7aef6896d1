"""Where deliveries may go, and in how many disguises an address can come."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import pytest

from cloudflow_async.emulator.deliveries.targets import Reach, RefusedTargetError, Targets, reach_of

EVERYWHERE: tuple[Reach, ...] = ("loopback", "private", "public")


class Names:
    """A resolver that gives one answer after another, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = answers

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the next answer, the last one again and again."""
        self.asked.append((host, port))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000/hook", "127.0.0.1"),
        ("https://127.3.2.1/", "127.3.2.1"),
        ("http://[::1]:8000/hook?a=1", "::1"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:7f00:1"),
        ("HTTP://①②⑦.0.0.1/", "127.0.0.1"),
        ("http://127。0。0。1/", "127.0.0.1"),
    ],
)
async def test_loopback_addresses_are_allowed_by_default(url: str, address: str) -> None:
    """Without asking a name server; what is normalised is checked as what it becomes."""
    names = Names()
    target = await Targets(["loopback"], names).find(url)

    assert target.addresses == (ipaddress.ip_address(address),)
    assert names.asked == []


@pytest.mark.parametrize(
    "url",
    [
        # Other addresses than loopback ones.
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.31.255.255/",
        "http://93.184.216.34/",
        "http://[2606:2800:220:1::1]/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://[64:ff9b::8.8.8.8]/",
        # Loopback, link-local and unspecified ones in disguise.
        "http://2130706433/",
        "http://2852039166/",
        "http://0177.0.0.1/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://%31%32%37.0.0.1/",
        "http://127.0.0.1%2eexample/",
        # Not to be read, or by one reader so and by another otherwise.
        "http://127.0.0.1@evil.example/",
        "http://user:password@127.0.0.1/",
        "http://:password@127.0.0.1/",
        "http://evil.example\\@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://[::1]@/",
        "http://a b/",
        "http:///hook",
        "//127.0.0.1/hook",
        "/hook",
        "",
        # Not HTTP.
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "javascript:alert(1)",
    ],
)
async def test_everything_else_is_refused_without_asking_a_name_server(url: str) -> None:
    """What looks like a number is not handed to a resolver that would make an address of it."""
    names = Names(["127.0.0.1"])
    with pytest.raises(RefusedTargetError):
        await Targets(["loopback"], names).find(url)

    assert names.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - nothing is bound to it
        "0.1.2.3",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.0.1",
        "169.254.169.254",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2002:a9fe:a9fe::1",
        "2001:0:7f00:1::1",
        "2001:db8::1",
    ],
)
async def test_some_addresses_are_never_delivered_to(address: str) -> None:
    """Whatever is allowed; also when a name leads there, alone or beside a good address."""
    lone, beside = Names([address]), Names(["127.0.0.1", address])

    assert reach_of(ipaddress.ip_address(address)) is None

    for names in (lone, beside):
        with pytest.raises(RefusedTargetError, match="nothing is delivered to"):
            await Targets(EVERYWHERE, names).find("https://hook.example/")


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("192.168.0.1", "private"),
        ("::ffff:192.168.0.1", "private"),
        ("fd00::1", "private"),
        ("8.8.8.8", "public"),
        ("172.32.0.1", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("64:ff9b::8.8.8.8", "public"),
        ("2606:2800:220:1::1", "public"),
    ],
)
async def test_other_addresses_are_as_far_away_as_they_look(address: str, reach: Reach) -> None:
    """Each is allowed by its own word, and by no other."""
    url = f"http://[{address}]/" if ":" in address else f"http://{address}/"
    others = [other for other in EVERYWHERE if other != reach]
    target = await Targets([reach]).find(url)

    assert reach_of(ipaddress.ip_address(address)) == reach
    assert target.addresses == (ipaddress.ip_address(address),)

    with pytest.raises(RefusedTargetError, match=f"is a {reach} address"):
        await Targets(others).find(url)


async def test_a_name_is_looked_up_once_and_its_addresses_are_kept() -> None:
    """Each of them once."""
    names = Names(["127.0.0.1", "127.0.0.1", "::1"], ["10.0.0.1"])
    target = await Targets(["loopback"], names).find("http://hook.example:8000/")

    assert target.addresses == (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
    assert names.asked == [("hook.example", 8000)]


async def test_a_name_that_means_something_else_the_second_time_is_no_way_in() -> None:
    """First a public address, then a loopback one: what was checked is what is connected to."""
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    target = await Targets(["public"], names).find("https://hook.example/")

    assert target.addresses == (ipaddress.ip_address("93.184.216.34"),)
    assert names.asked == [("hook.example", 443)]

    with pytest.raises(RefusedTargetError, match=r"127\.0\.0\.1 is a loopback address"):
        await Targets(["public"], names).find("https://hook.example/")


async def test_a_name_without_an_address_is_refused() -> None:
    """There is nowhere to connect to."""
    with pytest.raises(RefusedTargetError, match="no address"):
        await Targets(EVERYWHERE, Names([])).find("https://hook.example/")


async def test_the_systems_resolver_is_asked_for_names() -> None:
    """The name of this machine is a loopback one."""
    target = await Targets(["loopback"]).find("http://localhost:8000/")

    assert all(address.is_loopback for address in target.addresses)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "[::1]", "[::ffff:127.0.0.1]"])
async def test_the_emulators_own_port_is_refused(host: str) -> None:
    """By whatever loopback address; another port of the same address is another server."""
    targets = Targets(EVERYWHERE)
    targets.own_port = 8787

    with pytest.raises(RefusedTargetError, match="the emulator itself"):
        await targets.find(f"http://{host}:8787/v2/workflows")

    assert (await targets.find(f"http://{host}:8788/")).url.port == 8788


async def test_the_own_port_of_another_machine_is_another_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether an address is one's own shows in whether one can bind to it."""
    targets = Targets(EVERYWHERE)
    targets.own_port = 443

    assert (await targets.find("https://93.184.216.34/")).url.port == 443
    assert (await targets.find("https://[2606:2800:220:1::1]/")).url.port == 443

    monkeypatch.setattr(socket.socket, "bind", lambda *_: None)

    with pytest.raises(RefusedTargetError, match="the emulator itself"):
        await targets.find("https://93.184.216.34/")


def test_an_unknown_reach_is_refused() -> None:
    """The message names the known ones."""
    with pytest.raises(ValueError, match="loopback, private, public, not to intranet"):
        Targets(["intranet"])


async def test_nothing_at_all_can_be_allowed() -> None:
    """Then everything is refused."""
    with pytest.raises(RefusedTargetError, match="nowhere"):
        await Targets([]).find("http://127.0.0.1/")

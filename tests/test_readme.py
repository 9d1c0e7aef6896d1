"""Every Python block of the README, the guides and the package's docstring runs."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import textwrap
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import cloudflow_async
from cloudflow_async import CloudFlow, WebhookRouter
from cloudflow_async.emulator import Emulator
from tests import certificates
from tests.proxying import proxying
from tests.raw_server import RawServer

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "examples" / "guides").glob("*.md")),
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each Python block of a page."""
    text = page.read_text()
    for match in BLOCK.finditer(text):
        yield text.count("\n", 0, match.start(1)) + 1, match[1]


BLOCKS = [
    pytest.param(page, line, code, id=f"{page.name}:{line}")
    for page in PAGES
    for line, code in blocks(page)
]


async def run(code: str, name: str, names: dict[str, Any]) -> None:
    """Run code that may await at its top level."""
    compiled = compile(code, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(compiled, names)  # noqa: S307 - the project's own examples
    if inspect.isawaitable(waiting):
        await waiting


@pytest.fixture(scope="module")
def keys() -> tuple[bytes, bytes]:
    """Return a private key and its public half, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, public


@pytest.fixture
async def names(keys: tuple[bytes, bytes]) -> AsyncIterator[dict[str, Any]]:
    """Return what the blocks refer to: a client, an emulator, a proxy, pipelines, keys."""
    private_key, public_key = keys
    async with Emulator() as emulator, RawServer(proxying("user:password")) as proxy:
        emulator.add_jwt_key(public_key, issuer="your-app-id")
        pipeline_ids = emulator.seed_history(pipelines=3)
        emulator.add_workflow(name="Another report")
        async with CloudFlow(emulator.api_key, base_url=emulator.base_url) as cf:
            yield {
                "cf": cf,
                "emulator": emulator,
                "pipeline_ids": pipeline_ids,
                "private_key_pem": private_key,
                "proxy_url": proxy.url.replace("://", "://user:password@"),
                "router": WebhookRouter("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, Any]) -> None:
    """Run a block in a folder with certificates, and in an environment with a proxy."""
    pem = certificates.self_signed(tmp_path)
    for name in ("company-ca.pem", "client.pem"):
        shutil.copy(pem, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", names["proxy_url"])


@pytest.mark.parametrize(("page", "line", "code"), BLOCKS)
async def test_page(page: Path, line: int, code: str, names: dict[str, Any], folder: None) -> None:
    """A block of the README, or of a guide, runs as it is printed."""
    await run("\n" * (line - 1) + code, page.name, names)
    if "test_report" in names:
        await names["test_report"](names["cf"], names["emulator"])


async def test_docstring(names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """The example in the package's docstring runs, given an emulator for an API."""
    emulator = names["emulator"]
    example = BLOCK.search(textwrap.dedent((cloudflow_async.__doc__ or "").partition(":\n")[2]))
    assert example is not None

    await run(
        example[1],
        "cloudflow_async.__doc__",
        {"CloudFlow": lambda _: CloudFlow(emulator.api_key, base_url=emulator.base_url)},
    )

    assert "Another report 1\n" == capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Every file that the README, or a guide, links to exists."""
    linked = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())

    assert [] == [link for link in linked if not (page.parent / link).exists()]

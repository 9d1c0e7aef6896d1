"""Options and help of ``cloudflow webhooks create``, ``listen``, ``sign`` and ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from cyclopts import App, Parameter
from cyclopts.validators import Number

from cloudflow_async.cli.shared.console import CommandError
from cloudflow_async.cli.shared.options import File, Flag, Name, Url
from cloudflow_async.cli.webhooks.bodies import Body

webhooks: App = App(
    name="webhooks",
    help="Register webhooks, receive their deliveries here, sign and verify them.",
    help_format="markdown",
)

_Encoding: TypeAlias = Literal["base64", "utf8"]
_Event: TypeAlias = Annotated[
    Sequence[str], Parameter(metavar="EVENT", negative="", show_default=False)
]
_Header: TypeAlias = Annotated[
    Sequence[str], Parameter(metavar="HEADER", negative="", show_default=False)
]
_Instant: TypeAlias = Annotated[
    float | None, Parameter(metavar="UNIX_SECONDS", validator=Number(gte=0))
]


@webhooks.command
def create(
    *,
    url: Annotated[str, Parameter(metavar="URL")],
    event: _Event,
    secret_env: Name = None,
    secret_file: File = None,
    new_secret_file: File = None,
    secret_encoding: _Encoding = "base64",  # noqa: S107 - no secret
    profile: Name = None,
    base_url: Url = None,
) -> int:
    """Register an address to which events are delivered.

    Deliveries are signed with a secret. Secrets are never arguments and never shown: say in which
    environment variable or file it lies, or where to write a new one.

    Args:
        url: Where deliveries go.
        event: Which are delivered, such as workflow.failed; may be repeated.
        secret_env: Environment variable with the secret.
        secret_file: File with the secret.
        new_secret_file: File to write a new random secret to, which nobody else can read; it must
            not exist. It is removed again if nothing is registered.
        secret_encoding: How a key is made of the secret. base64: of the base64 of 24 to 64 bytes
            after whsec_; utf8: of the text as it stands.
        profile: Profile of the config file whose credential to use, and no other.
        base_url: Where the API is; also by the environment variable CLOUDFLOW_BASE_URL.
    """
    from cloudflow_async.cli.webhooks.register import NewWebhook, register  # noqa: PLC0415 - the engine is slow to import
    from cloudflow_async.cli.webhooks.secrets import SecretPlace  # noqa: PLC0415 - the same

    place = SecretPlace(env=secret_env, file=secret_file, encoding=secret_encoding)
    asked = NewWebhook(url=url, events=event, profile=profile, base_url=base_url)
    return register(asked, place, new_secret_file)


@webhooks.command
def listen(  # noqa: PLR0913 - each is an option of its own
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8400,
    secret_env: Name = None,
    secret_file: File = None,
    secret_encoding: _Encoding = "base64",  # noqa: S107 - no secret
    event: _Event = (),
    json: Flag = False,
    forward: Url = None,
    allow_remote: Flag = False,
    emulator: Flag = False,
) -> int:
    """Receive deliveries on 127.0.0.1 until Ctrl-C, and print a line for each that can be trusted.

    What cannot be trusted is told on standard error, with the reason. Deliveries come to any path;
    those of TechFlow are shown as well, since we take them to be signed in the same way.

    Args:
        port: Port to listen on; 0 takes a free one.
        secret_env: Environment variable with the secret that deliveries are signed with.
        secret_file: File with that secret.
        secret_encoding: How a key is made of the secret. base64: of the base64 of 24 to 64 bytes
            after whsec_; utf8: of the text as it stands.
        event: Only these types, such as workflow.failed or workflow.*; may be repeated.
        json: Print JSON Lines, with the payload as it came.
        forward: Pass what can be trusted on to this address on this machine, as it came, and answer
            the sender with the status that comes back; 502 if none does.
        allow_remote: Let --forward name another machine.
        emulator: Try it: an emulator is started that delivers something every few seconds. It needs
            no secret.
    """
    if allow_remote and forward is None:
        raise CommandError("--allow-remote belongs to --forward.")
    from cloudflow_async.cli.webhooks import listen as listening  # noqa: PLC0415 - the server takes longer to import than --help may
    from cloudflow_async.cli.webhooks.secrets import SecretPlace  # noqa: PLC0415 - the same

    options = listening.Listening(
        port=port,
        place=SecretPlace(env=secret_env, file=secret_file, encoding=secret_encoding),
        forward=forward,
        allow_remote=allow_remote,
        patterns=event,
        as_json=json,
        emulator=emulator,
    )
    return listening.listen(options)


@webhooks.command(usage="Usage: cloudflow webhooks sign [OPTIONS] FILE")
def sign(
    file: Body,
    /,
    *,
    secret_env: Name = None,
    secret_file: File = None,
    secret_encoding: _Encoding = "base64",  # noqa: S107 - no secret
    id: Name = None,
    timestamp: _Instant = None,
    curl: Url = None,
) -> int:
    """Print the headers with which a body would be delivered.

    Args:
        file: File with the body, of which no byte is changed; "-" is standard input.
        secret_env: Environment variable with the secret.
        secret_file: File with the secret.
        secret_encoding: How a key is made of the secret. base64: of the base64 of 24 to 64 bytes
            after whsec_; utf8: of the text as it stands.
        id: Id of the delivery; without it, a new one.
        timestamp: Time of the delivery; without it, now.
        curl: Print a command instead that delivers the body to this address.
    """
    from cloudflow_async.cli.webhooks import sign as signing  # noqa: PLC0415 - the engine takes longer to import than --help may
    from cloudflow_async.cli.webhooks.secrets import SecretPlace  # noqa: PLC0415 - the same

    place = SecretPlace(env=secret_env, file=secret_file, encoding=secret_encoding)
    return signing.sign(file, place, message_id=id, timestamp=timestamp, url=curl)


@webhooks.command(usage="Usage: cloudflow webhooks verify [OPTIONS] FILE")
def verify(  # noqa: PLR0913 - each is an option of its own
    file: Body,
    /,
    *,
    header: _Header = (),
    headers_from: File = None,
    secret_env: Name = None,
    secret_file: File = None,
    secret_encoding: _Encoding = "base64",  # noqa: S107 - no secret
    now: _Instant = None,
    tolerance: Annotated[
        float, Parameter(metavar="SECONDS", validator=Number(gt=0, lte=1e11))
    ] = 300.0,
    json: Flag = False,
) -> int:
    """Verify a delivery that was recorded, and print its event, or why it cannot be trusted.

    The exit status is 0 or 1.

    Args:
        file: File with the body, byte for byte as it came; "-" is standard input.
        header: A header of the delivery, such as "webhook-id: msg_1"; may be repeated.
        headers_from: File with further headers, one a line; "-" is standard input.
        secret_env: Environment variable with the secret.
        secret_file: File with the secret.
        secret_encoding: How a key is made of the secret. base64: of the base64 of 24 to 64 bytes
            after whsec_; utf8: of the text as it stands.
        now: The time at which it came; without it, now.
        tolerance: Most seconds between then and the time with which it was signed.
        json: Print JSON, with the payload as it came.
    """
    from cloudflow_async.cli.webhooks import sign as signing  # noqa: PLC0415 - the engine takes longer to import than --help may
    from cloudflow_async.cli.webhooks.secrets import SecretPlace  # noqa: PLC0415 - the same

    return signing.verify(
        file,
        SecretPlace(env=secret_env, file=secret_file, encoding=secret_encoding),
        headers=header,
        headers_from=headers_from,
        now=now,
        tolerance=tolerance,
        as_json=json,
    )

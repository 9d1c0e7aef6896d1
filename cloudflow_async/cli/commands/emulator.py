"""Options and help of ``cloudflow emulator``."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from cloudflow_async.cli.shared.options import Flag


def emulator(  # noqa: PLR0913 - each is an option of the command
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8787,
    rate_limit: Annotated[str | None, Parameter(name="--rate-limit")] = None,
    limits_mode: Literal["bucket", "fixed", "sliding", "windows"] = "bucket",
    api_key: str | None = None,
    client_id: str | None = None,
    client_secret_env: Annotated[str | None, Parameter(name="--client-secret-env")] = None,
    redirect_uri: str | None = None,
    no_pkce: Annotated[Flag, Parameter(name="--no-pkce")] = False,
    seed: int = 0,
    techflow: Flag = False,
) -> int:
    """Run an emulator of the API until Ctrl-C.

    It listens on 127.0.0.1 only and has 40 pipelines with some weeks of executions. All of it is
    kept in memory and gone when it ends. Example, without a limit and with a key of your own:
    cloudflow emulator --rate-limit off --api-key my-local-key

    Args:
        port: Port to listen on; 0 takes a free one.
        rate_limit: Requests and seconds, such as 1000/60; or off. Without it, the documented 100 a
            minute with bursts of 150, and 20 a minute without a credential.
        limits_mode: How requests are counted. bucket: the burst at once, then the steady rate.
            fixed: so many in each window. sliding: so many in any window. windows: that, and the
            burst in any 10 seconds.
        api_key: API key to accept, for local use only; one that begins with cf_live_ is refused,
            since other users of this machine can read the arguments of commands. Without it, a key
            that follows from the seed.
        client_id: OAuth client to register. Without it there is the public client cloudflow-cli.
        client_secret_env: Environment variable with the secret of that client, which is then a
            confidential one.
        redirect_uri: Redirect URI of that client; of a loopback address, any port. Without it,
            http://127.0.0.1/callback.
        no_pkce: Accept logins without PKCE, as the samples of the API document show them.
        seed: Ids and figures follow from it.
        techflow: Put some workflows and executions into the TechFlow API, which is on the same
            port, and say how to use it.
    """
    from cloudflow_async.cli.emulator.serve import Served, serve  # noqa: PLC0415 - importing the server takes long

    return serve(
        Served(
            port=port,
            rate_limit=rate_limit,
            limits_mode=limits_mode,
            api_key=api_key,
            client_id=client_id,
            client_secret_env=client_secret_env,
            redirect_uri=redirect_uri,
            require_pkce=not no_pkce,
            seed=seed,
            techflow=techflow,
        )
    )

"""``cloudflow emulator``: what it takes."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from .options import Flag


def emulator(
    *,
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8787,
    limits_mode: Literal["bucket", "fixed", "sliding", "windows"] = "bucket",
    seed: int = 0,
    techflow: Flag = False,
) -> int:
    """Run an emulator of the API until Ctrl-C.

    It listens on 127.0.0.1 only and has 40 pipelines with some weeks of executions. All of it is
    kept in memory and gone when it ends.

    Args:
        port: Port to listen on; 0 takes a free one.
        limits_mode: How requests are counted. bucket: 150 at once, 100 more each minute. fixed:
            100 in each minute. sliding: 100 in any 60 seconds. windows: that, and 150 in any 10
            seconds.
        seed: Key, ids and figures follow from it.
        techflow: Put some workflows and executions into the TechFlow API, which is on the same
            port, and say how to use it.
    """
    from .serving import serve  # noqa: PLC0415 - the server takes longer to import than --help may

    return serve(port=port, limits_mode=limits_mode, seed=seed, techflow=techflow)

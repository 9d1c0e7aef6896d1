"""An asyncio-native SDK for the CloudFlow API, with an emulator of it that needs no network.

Example:
    ```python
    async with CloudFlow("cf_live_...") as cf:
        async for workflow in cf.workflows.list(status="active"):
            print(workflow.name, workflow.step_count)
    ```
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._public import *  # noqa: F403 - its __all__ is explicit
    from ._public import __all__ as __all__


def __getattr__(name: str) -> object:
    """Load the public names at their first use.

    pytest imports this package in every run, for the plugin in it, and those who do not use the
    fixtures should not pay for aiohttp.
    """
    # Tools ask every module for special names; that must not load anything either.
    if not name.startswith("__") or name in {"__all__", "__version__"}:
        public = import_module("._public", __name__)
        if name in {"__all__", "_NO_FIELDS", *public.__all__}:
            value: object = getattr(public, name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("._public", __name__).__all__})

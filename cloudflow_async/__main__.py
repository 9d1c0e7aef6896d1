"""``python -m cloudflow_async`` is the command ``cloudflow``."""

from __future__ import annotations

import sys

from cloudflow_async.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""A pytest plugin: a profile by which hypothesis tries each property 2,000 times."""

from __future__ import annotations

from typing import Final

import hypothesis

EXAMPLES: Final = 2_000

hypothesis.settings.register_profile("deep", max_examples=EXAMPLES, deadline=None)

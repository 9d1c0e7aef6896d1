"""The TechFlow half of the emulator: a second document, read as independently as the first.

It is served on the same port, below a path of its own, by the same machinery.  A request that
`apis` gives to `api` is answered by `endpoints`, which read it with `bodies`, work on `state` and
answer with `shapes`; what takes its time is in `executions`.  Tests arrange it all through `stage`.

The document shows one answer, no error body, no event and few rules.  Where it is silent, each of
these files says how that is read.
"""

from __future__ import annotations

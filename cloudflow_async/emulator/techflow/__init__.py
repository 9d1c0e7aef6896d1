"""The TechFlow half of the emulator: a second document, read as independently as the first.

It is served on the same port, below a path of its own, by the same machinery:

    seeding         what a test arranges and looks at: `Emulator.techflow`
    api             the API as a service behind the port: who asks, which endpoint, what goes wrong
    endpoints       the endpoints, which read a body, work on the state and answer
    executions      executions, which take their time, fail and succeed
    bodies          what the body of a request may hold
    serializers     what the body of an answer holds
    state           workflows, executions and webhooks

The document shows one answer, no error body, no event and few rules.  Where it is silent, each of
these files says how that is read.
"""

from __future__ import annotations

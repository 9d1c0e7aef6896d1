"""A local server that behaves as the CloudFlow API document says, and breaks when asked to.

It is a second, independent reading of the document: it shares no code with the client, so that
the two check each other.  A request travels `connections` > `app` > `apis` > `routes` >
`cloudflow`, which reads it with `queries` and `bodies`, works on `state`, and answers with
`shapes`.  Who asks is found out by `authentication`; tokens come from the authorization server,
`oauth`.  What goes wrong is chosen by the `fault_plan` from `faults`, which `fault_checks` have
looked at; an answer that is not to leave whole and at once is sent by `pacing`.  What happens
without a request is on the `agenda`: `runs` end, and events travel `dispatch` > `signing` >
`targets` > `sending`, which leaves its traces in `deliveries`.  People look at all of that through
`inspection`, which leaves no traces at all.

The TechFlow API is served beside it: what it has of its own stands in the folder `techflow`.

Example:
    ```python
    async def test_a_page_that_fails_once_is_fetched_again():
        async with Emulator() as emulator:
            pipeline_id = emulator.add_pipeline()
            emulator.add_executions(pipeline_id, 250)
            emulator.inject(Fault(route="/pipelines/{pipeline_id}/executions", nth=2, status=503))
            ...  # read all pages from emulator.base_url with emulator.api_key
            assert [request.status for request in emulator.requests] == [200, 503, 200, 200]
    ```
"""

from __future__ import annotations

from .clients import OAuthClient
from .deliveries import DeliveryAttempt, RecordedDelivery
from .delivery_faults import DeliveryFault
from .faults import Fault
from .ledger import RecordedRequest
from .limits import EmulatorLimits
from .server import Emulator

# Tracebacks and pickles name the module that users import from.
for _class in (
    DeliveryAttempt,
    DeliveryFault,
    Emulator,
    EmulatorLimits,
    Fault,
    OAuthClient,
    RecordedDelivery,
    RecordedRequest,
):
    _class.__module__ = __name__

__all__ = [
    "DeliveryAttempt",
    "DeliveryFault",
    "Emulator",
    "EmulatorLimits",
    "Fault",
    "OAuthClient",
    "RecordedDelivery",
    "RecordedRequest",
]

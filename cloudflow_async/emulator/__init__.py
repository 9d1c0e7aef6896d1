"""A local server that behaves as the CloudFlow API document says, and breaks when asked to.

It is a second, independent reading of the documents: it shares no code with the client, so that
the two check each other.  The rooms and files, from the class that tests use down to the ground:

    emulator        `Emulator`: start and stop, credentials, faults, what was recorded
    app             the way of one request through the rooms below
    services        the CloudFlow API and the authorization server as services behind one port
    techflow/       the TechFlow API as another service
    inspection/     the page that shows requests and deliveries to a person
    request_context one request on its way, and the interface of a service
    oauth/          the authorization server
    http/           connections, answers, slow sending, origin checks
    deliveries/     webhooks: signed, sent, retried
    faults/         what goes wrong on request
    cloudflow/      the CloudFlow API document: routes, endpoints, state
    credentials/    API keys, tokens and JWTs that are accepted
    base/           clock, scheduler, chance, request log, rate limiter, problems

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

from .base.rate_limiter import EmulatorLimits
from .base.request_log import RecordedRequest
from .deliveries.deliveries import DeliveryAttempt, RecordedDelivery
from .deliveries.faults import DeliveryFault
from .emulator import Emulator
from .faults.faults import Fault
from .oauth.clients import OAuthClient

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

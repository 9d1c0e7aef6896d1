"""A local server that behaves as the CloudFlow API document says, and breaks when asked to.

It is a second, independent reading of the document: it shares no code with the client, so that
the two check each other.  A request travels `connections` > `app` > `routes` > `cloudflow`, which
reads it with `queries` and `bodies`, works on `state`, and answers with `shapes`.

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

from .faults import Fault
from .ledger import RecordedRequest
from .limits import EmulatorLimits
from .server import Emulator

__all__ = ["Emulator", "EmulatorLimits", "Fault", "RecordedRequest"]

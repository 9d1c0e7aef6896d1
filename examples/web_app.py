"""An aiohttp.web app with one client for its whole life, and bounded waits in its handlers.

Run it by ``CLOUDFLOW_API_KEY=cf_live_... python examples/web_app.py``.
"""

from collections.abc import AsyncIterator

from aiohttp import web

from cloudflow_async import CloudFlow, CloudFlowError, DeadlineExceededError, NotFoundError

CLIENT = web.AppKey("client", CloudFlow)


async def client(app: web.Application) -> AsyncIterator[None]:
    """Open the client when the app starts and close it when it stops."""
    async with app[CLIENT]:
        yield


async def show_workflow(request: web.Request) -> web.Response:
    """Answer with a workflow; a person waits, so not for longer than three seconds."""
    cf = request.app[CLIENT].with_options(deadline=3.0)
    try:
        workflow = await cf.workflows.get(request.match_info["workflow_id"])
    except NotFoundError:
        raise web.HTTPNotFound(text="no such workflow") from None
    except DeadlineExceededError:
        raise web.HTTPServiceUnavailable(text="CloudFlow is busy; try again") from None
    except CloudFlowError:
        raise web.HTTPBadGateway(text="CloudFlow failed") from None
    return web.json_response({"name": workflow.name, "status": workflow.status})


def make_app(cf: CloudFlow) -> web.Application:
    """Return the app; tests hand over a client of the emulator."""
    app = web.Application()
    app[CLIENT] = cf
    app.cleanup_ctx.append(client)
    app.router.add_get("/workflows/{workflow_id}", show_workflow)
    return app


if __name__ == "__main__":
    web.run_app(make_app(CloudFlow()), host="127.0.0.1", port=8080)

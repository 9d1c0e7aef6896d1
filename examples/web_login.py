"""A web app to which people log in with their CloudFlow account (OAuth 2.0 with PKCE).

``python examples/web_login.py`` serves http://127.0.0.1:8080, with the emulator for CloudFlow.
"""

import functools
import html
import secrets
from collections.abc import Callable
from typing import Any, NoReturn

from aiohttp import web

from cloudflow_async import (
    AuthorizationRequest,
    CloudFlow,
    CloudFlowError,
    OAuth2Auth,
    ReauthenticationRequiredError,
)
from cloudflow_async.emulator import Emulator

REDIRECT_URI = "http://127.0.0.1:8080/callback"  # as registered; https wherever others come


class Site:
    """The pages.  What it knows of a person stays here; their cookies are only keys to it."""

    def __init__(self, new_auth: Callable[[], OAuth2Auth], **options: Any) -> None:
        self.new_auth = new_auth
        self.options = options
        self.logins: dict[str, tuple[OAuth2Auth, AuthorizationRequest]] = {}
        # A client for each person, because each has a token and a budget of their own.
        self.visitors: dict[str, tuple[OAuth2Auth, CloudFlow]] = {}

    async def home(self, request: web.Request) -> web.Response:
        """Show the visitor's workflows, or the way to log in."""
        key = request.cookies.get("visitor", "")
        if key not in self.visitors:
            return page('<a href="/login">Log in with CloudFlow</a>')
        cf = self.visitors[key][1].with_options(deadline=5.0)
        try:
            workflows = await cf.workflows.list(max_items=20).collect()
        except ReauthenticationRequiredError:
            raise web.HTTPSeeOther("/login") from None
        except CloudFlowError:
            raise web.HTTPBadGateway(text="CloudFlow did not answer; try again") from None
        names = "".join(f"<li>{html.escape(workflow.name)}</li>" for workflow in workflows)
        logout = '<form method="post" action="/logout"><button>Log out</button></form>'
        return page(f"<h1>Your workflows</h1><ul>{names}</ul>{logout}")

    async def login(self, request: web.Request) -> NoReturn:
        """Send the browser to CloudFlow, and keep what its return has to match."""
        auth, key = self.new_auth(), secrets.token_urlsafe()
        login = auth.authorization_request()
        self.logins[key] = auth, login
        if len(self.logins) > 10_000:  # the oldest have long been given up
            del self.logins[next(iter(self.logins))]
        send(request, login.url, "login", key)

    async def callback(self, request: web.Request) -> NoReturn:
        """Take a browser back: only the one that was sent, and once."""
        key = request.cookies.get("login", "")
        if key not in self.logins:
            raise web.HTTPBadRequest(text="This login was not begun here; please start again")
        auth, login = self.logins.pop(key)
        try:
            await auth.exchange(request.raw_path, login)
        except CloudFlowError as error:
            raise web.HTTPForbidden(text=f"You are not logged in: {error}") from None
        await self.forget(request)
        key = secrets.token_urlsafe()
        self.visitors[key] = auth, CloudFlow(auth=auth, **self.options)
        send(request, "/", "visitor", key)

    async def logout(self, request: web.Request) -> NoReturn:
        """Forget the visitor; only the site's own form is sent with their cookie."""
        await self.forget(request)
        send(request, "/", "visitor", "")

    async def forget(self, request: web.Request) -> None:
        """Drop token and client of whom the cookie stands for."""
        key = request.cookies.get("visitor", "")
        if key in self.visitors:
            auth, cf = self.visitors.pop(key)
            await cf.close()
            await auth.logout()

    async def close(self, _: web.Application) -> None:
        """Close all clients when the app stops."""
        for visitor in self.visitors.values():
            await visitor[1].close()

    def app(self) -> web.Application:
        """Return the app that serves the pages."""
        app = web.Application()
        app.add_routes([web.get("/", self.home), web.get("/login", self.login)])
        app.add_routes([web.get("/callback", self.callback), web.post("/logout", self.logout)])
        app.on_cleanup.append(self.close)
        return app


def page(body: str) -> web.Response:
    """Return an HTML page that nobody keeps."""
    text = f'<!DOCTYPE html><html lang="en"><title>Workflows</title><main>{body}</main></html>'
    return web.Response(text=text, content_type="text/html", headers={"Cache-Control": "no-store"})


def send(request: web.Request, url: str, cookie: str, key: str) -> NoReturn:
    """Redirect with a cookie: Lax, so that it is there when CloudFlow sends the browser back."""
    answer = web.HTTPSeeOther(url)
    # Behind a proxy that speaks https for the app, it is secure=True.
    answer.set_cookie(cookie, key, httponly=True, samesite="Lax", secure=request.secure)
    raise answer


async def demo() -> web.Application:
    """Return the app on an emulator; CloudFlow itself has the URLs that are there by default."""
    emulator = Emulator()
    await emulator.start()
    emulator.add_workflow(name="Nightly report")
    client = emulator.add_client(redirect_uris=[REDIRECT_URI], confidential=True)
    new_auth = functools.partial(
        OAuth2Auth,
        client.client_id,
        client_secret=client.client_secret,
        scopes=["workflows:read"],
        redirect_uri=REDIRECT_URI,
        authorize_url=emulator.authorize_url,
        token_url=emulator.token_url,
    )
    app = Site(new_auth, base_url=emulator.base_url).app()
    app.on_cleanup.append(lambda _: emulator.stop())
    return app


if __name__ == "__main__":
    web.run_app(demo(), host="127.0.0.1", port=8080)

"""OAuth 2.0: the authorization code grant with PKCE (API document: Authentication, OAuth 2.0).

oauth2          `OAuth2Auth`
token_source    keeps an accepted token: from memory, the store, or one refresh at a time
held_token      when a token is refreshed, and until when it is sent; no I/O
single_flight   runs work once for all concurrent callers, in a task that none can cancel
token_endpoint  sends token requests
token_response  reads the answers to token requests; no I/O
authorization   PKCE, the authorization request, the reading of a callback; no I/O
loopback        receives the browser's callback on this machine
loopback_pages  the pages that the browser shows at the end
browser         opens the person's browser
errors          what an authorization server says of a refusal, safe to show
"""

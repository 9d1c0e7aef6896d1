"""HTTP: one exchange over a pooled connection, and what to make of the answer.

Only `transport` opens sockets; the other files decide without I/O.

    transport       sends one request over an aiohttp pool
    response        status, headers and bytes to a `Response` or a typed error
    rate_limit_headers  what an answer says about the rate limit
    lent_session    which settings of a caller's aiohttp session are used or refused
    proxy           proxies: a URL that is given, or the environment
    retry           whether and when to try again
    timeouts        ends a block after a time or from outside
    urls            base URLs, paths and queries: checked and encoded
    redaction       removes secrets from text that a server sent
"""

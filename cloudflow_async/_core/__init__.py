"""The engine of the clients: HTTP, limits, retries, paging and credentials, but no endpoint.

The rooms and files, from the one that a caller meets first down to the ground.  A file imports
only from its own line or from lines below it; ``lint-imports`` holds this order.

    client          what the clients of all APIs have in common; owns the session
    resource        turns a method call into a request, and its answer into objects
    fan_out/        reads many lists at once: worker pool, progress, checkpoint, estimate
    paging/         lists: pages fetched ahead of the reader and joined to each other
    session         sends one call: the retry loop, and one attempt
    call, options   the state of one call across its attempts; how a call behaves
    auth/           credentials: sign a request, answer a 401
    rate_limit/     when a request may be sent
    webhooks/       deliveries: signed, verified, routed; no I/O
    http/           one exchange over a pooled connection, and how to read or retry it
    codec/          JSON to attrs objects and back
    messages        requests, replies and limiter states, as frozen values
    support/        small tools without a view of the rest: checks, secrets, files, log
    errors          the tree of exceptions
    public          gives public classes the module that users import them from
"""

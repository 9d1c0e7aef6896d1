"""The engine: it knows HTTP and how to behave, and no endpoint.

The files, in the order in which a request travels:

    client          what the clients of all APIs have in common; owns the session
    resource        a method call becomes a request
    fan_out         many lists read at once
    page_styles     the JSON of a page becomes a `Page`
    paging          pages, the next ones on their way ahead of the reader
    session         the session manager: the retry loop, and one attempt
    auth/           signs a request, answers a refusal
    limiter         the line of callers: who may leave, and when
    server_budget       ... by what the server said,
    server_clock        ... with its times translated into ours,
    limits              ... and by our own bucket
    transport       one exchange over a pooled connection; all client sockets are here
    webhooks/       deliveries: signed, verified, routed
    retry           whether and when to try again: a decision, never a sleep
    wire            status, headers and bytes become an answer or an error
    codec           JSON becomes attrs objects: what is read by which hook
    columns             ... how a hook reads, a whole column of rows at a time
    encoding        what a caller hands over becomes JSON
    fields, instants, json      what codec and encoding share: names of fields, times, strict JSON
    messages        what travels: requests, replies, responses, as frozen values
    urls            base URLs, paths and queries, checked and encoded
    redaction       secrets hidden in text that a server wrote
    arguments       what many ask of an argument
    secret          a string that does not show itself
    version         of this package
    errors          the tree of exceptions
"""

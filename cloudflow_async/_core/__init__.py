"""The engine: it knows HTTP and how to behave, and no endpoint.

The files, in the order in which a request travels:

    client          what the clients of all APIs have in common; owns the session
    estimate        what a list, or many, would cost
    resource        a method call becomes a request
    fan_out         many lists read at once, and their rows handed out
    crew                ... by workers with fair shares of the window,
    journal             ... counted when they are handed out: the report, the checkpoint,
    standing            ... and how far one list has come;
    survey              the first pages, looked at beforehand;
    parts               what a list is read as: the whole, or slices
    page_styles     the JSON of a page becomes a `Page`
    paging          pages: awaited, iterated over, collected
    reading         ... the next ones on their way ahead of the reader
    drift           ... joined to each other in a list that changes
    drift_search        ... or looked for, where rows have moved,
    known_rows          ... by the rows read last
    checkpoint      a file that says how far a fan-out has come
    fan_out_report  what a fan-out tells of itself
    page            one page, the place after it, the account of a list
    session         the session manager: the retry loop, and one attempt
    call                ... what a call's attempts have brought, and what it ends with
    options         how a call behaves
    auth/           signs a request, answers a refusal
    limiter         the line of callers: who may leave, and when
    line                ... who is first, in three lanes,
    loop_clock          ... on one clock over several event loops,
    forecast            ... how long so many will take,
    server_budget       ... by what the server said,
    rivals              ... and what refusals tell of others with the same key,
    server_clock        ... with its times translated into ours,
    server_shape        ... whether it counts in windows or by a bucket,
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
    scope           bounds in time, cheaper than one timer each
    forks           who is a child of the process that made a client
    log             a log that cannot break a call
    atomic_file, file_locking, paths, threads       files: whole or not at all, one owner at a time
    arguments       what many ask of an argument
    caller          the line of the program that uses the package
    secret          a string that does not show itself
    version         of this package
    errors          the tree of exceptions
"""

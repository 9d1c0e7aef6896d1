"""The rate limiter: when a request may leave, and how long many will take.

The limiter asks three things: our own budget, what the server said, and how many requests are
under way.  Everything but `limiter` and `clock` is pure arithmetic.

    limiter         `LocalLimiter`: the wait queue served at the allowed rate
    wait_queue      waiters in order of arrival, in three priority classes
    clock           a monotonic clock that continues over several event loops
    forecast        how long a number of requests will take
    server_budget   remaining, reset and pauses, from the server's answers
    contention      backoff when other processes use the same key
    pacing          learns the rate of a server that refuses and tells nothing
    server_clock    the offset between the server's clock and ours
    limit_kind      tells a token bucket from a fixed window by the server's answers
    limits          `RateLimits`, and our own token bucket
"""

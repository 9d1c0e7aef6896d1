"""Measurements against peers in the same run: ``python -m benchmarks``; no network.

How a ratio is made.  The rows of a table are run in turns, round after round, so that a busy
machine is busy for all of them; each row's median is divided by the median of the row that the
table names, which is its floor.  Servers live in a process of their own: CPU is the client's alone,
with all its threads.  Every peer gets the same bytes, the same number of calls under way, a pool
that is large enough to reuse all its connections, a warm-up that is not counted, and a garbage
collector that has just run and overlooks what was there before.  The one exception is the
``requests`` loop of the API document: it opens a connection for each page, as it is written there.

What a ratio does not show.  A page on the loopback device costs no waiting, so ratios of CPU are
the worst case: against a real network most of a call is latency, the same for everyone.  Peers do
less: none of them waits for a rate limit, repeats, renews a credential or notices that a list has
changed; where one gives dicts instead of objects, its name says so.  Absolute figures belong to
the machine and the versions that the first lines name.  Let the machine do nothing else meanwhile:
on a busy one waiting for an answer costs the floor less CPU, and every ratio to it grows.
"""

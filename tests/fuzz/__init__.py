"""Inputs by the thousand that nobody would think of, and what becomes of them.

``python -m tests.fuzz`` tries as many as the suite does, ``python -m tests.fuzz --deep`` a hundred
times as many; see `tests.fuzz.__main__`.
"""

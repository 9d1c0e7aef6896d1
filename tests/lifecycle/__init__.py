"""Cancellation, closing, signals, forks: what ends a call from outside leaves nothing behind."""

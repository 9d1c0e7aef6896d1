"""Files: replaced whole or not at all, locked by one owner at a time.

atomic          replaces a file in one step
locks           locks on open files, between processes
paths           paths that callers give, and how messages show them
"""

"""Small tools that know nothing of the rest of the engine.

files/          files that are replaced whole, locked, and named in messages
validation      checks of arguments and of values from the wire
secret          a string whose value is hidden in `repr`
threads         work in a thread that is completed although its caller is cancelled
event_loop      the running asyncio loop, or one clear error
forks           notices that the process was forked
caller          the line of the program that called this package
log             a logger whose handlers cannot break a call
version         the version of this package
"""

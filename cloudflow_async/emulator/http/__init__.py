"""The HTTP side: connections that can be spoilt, answers, slow sending, origin checks.

connections     aiohttp's low-level server, with bounds on slow senders
responses       a reply to an HTTP response
slow_send       answers in pieces, slowly or in part
origin_check    refuses requests from web pages of other origins
"""

"""Lists: pages fetched ahead of the reader, each joined to the one before.

pages           `Pages`: awaited, iterated over by row or page, collected
page_styles     the JSON of one page to a `Page`, one function for each style
reader          fetches pages, the next ones while the reader is busy
drift           tells which rows of a page are new when the list changes while it is read
drift_search    looks for rows that have moved
recent_ids      the ids of the rows handed out last
page            `Page`, `Bookmark` and `ListReport`
"""

"""What all parts of the emulator stand on: time, chance, problems, the request log.

scheduler       callbacks at later instants of the emulator's clock
seeded_random   random choices that repeat with the seed
request_log     the requests that arrived
rate_limiter    budgets, counted in the four ways that the API document can mean
problems        error answers in the documented envelope
pages           the style of all HTML pages
redaction       shows requests without their credentials
expiring_dict   a mapping whose entries end after a time
strict_json     reads JSON request bodies, strictly
timestamps      Unix seconds to ISO 8601 and back
paths           the paths and prefixes of all services
oauth_errors    the errors of RFC 6749
"""

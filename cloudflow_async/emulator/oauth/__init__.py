"""The authorization server ("OAuth 2.0" of the API document).

server          routes requests to its endpoints
authorization   reads authorization requests
consent         the page that asks a person for consent
token_requests  answers token requests
client_authentication   identifies the client of a token request
clients         registered applications and their redirect URIs
parameters      reads parameters, and refuses repeated ones
"""

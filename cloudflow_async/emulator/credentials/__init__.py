"""Credentials that the emulator accepts: API keys, bearer tokens, JWTs.

authentication  finds the identity of a request
keys            API keys and their scopes
tokens          authorization codes, access and refresh tokens
jwts            tokens that applications sign themselves
claims          checks the claims of a JWT
jws             parses the one accepted form of a signed token
identities      what all credentials stand for: user, account, scopes
"""

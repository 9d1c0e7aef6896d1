"""API keys (API document: Authentication, API Keys).

api_key         `ApiKeyAuth`
source          where the key comes from: a text, a callable, a file or the environment
"""

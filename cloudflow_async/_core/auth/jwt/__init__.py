"""JSON Web Tokens that this process signs (API document: Authentication, JWT Tokens).

jwt             `JWTAuth`
claims          the claims of each token; no I/O
private_key     where the private key comes from: a text, a file or a callable
signing_key     the RSA key: checked, and kept in the form that signs fast
"""

"""Where credentials are kept: token stores, and files that only their owner can read.

token_store     the `TokenStore` protocol, and `MemoryTokenStore`
file_store      `FileTokenStore`: one file shared by many processes
keyring_store   `KeyringTokenStore`: the operating system's keyring
token_json      a token as JSON text
file_lock       a lock between processes
private_paths   files and folders with access for their owner only
secret_file     reads a file that holds a secret, and checks its permissions
secret_callable a callable that returns a secret
"""

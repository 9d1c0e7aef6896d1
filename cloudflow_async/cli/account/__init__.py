"""``cloudflow login``, ``logout`` and ``whoami``.

login           logs a person in and out
whoami          shows the credential in use, its scopes and its expiry
profile_file    writes a profile to the configuration file
prompt          asks for one line
"""

"""Profiles: named credentials and settings in the configuration file.

profiles        reads a profile and makes its credential
format          the keys that a profile may have; no I/O
secrets         the secrets that a profile names: environment, file or keyring
config_file     where the file is, and reading it
"""

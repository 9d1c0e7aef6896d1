"""Faults that a test injects.

faults          `Fault`
kinds           attributes of a wrong type
plan            which requests a fault hits
"""

"""JSON to checked attrs objects and back; no I/O.

decode          JSON values to model classes, with a path in each error
columns         reads one field of many rows at a time
encode          arguments and models to strict JSON
fields          what a model declares about its fields
timestamps      RFC 3339 times
json            bytes to JSON values, strictly
"""

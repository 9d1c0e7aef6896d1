"""``cloudflow export``: from the first request to the summary.

run             one export
source          what is exported: histories of pipelines, or TechFlow's executions
resume          how far an export has come, in a file beside its output
counts          rows, pages and requests so far
record          a file that says that an export is complete
timeline        durations and failures over time, in constant memory
inputs          ids, times and filters that a person gives
output/         where rows go
display/        what a person sees
"""

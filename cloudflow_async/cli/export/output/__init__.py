"""Where exported rows go.

destination     what ``--out`` means
output          writes rows while they arrive
sinks           one file or a stream
folder          a folder with one file for each pipeline
file_names      file names of pipeline ids
line_file       a file of whole lines
rows            an execution as JSON Lines or CSV
parquet         Parquet files
"""

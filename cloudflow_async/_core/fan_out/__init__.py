"""Fan-out: many lists read at once, with a checkpoint, an estimate and a report.

estimate        what reading a list, or many, will cost
fan_out         `FanOut`: rows of all lists as they arrive
progress        what is known of each list, and how it gets into the checkpoint
workers         the worker pool: which list is read next, and how far ahead
preview         fetches first pages before the run, to estimate it
list_state      how far the reading of one list has come
segments        one list, or several time slices of it
checkpoint      `Checkpoint`: a file that says how far a run has come
report          `FanOutReport`
"""

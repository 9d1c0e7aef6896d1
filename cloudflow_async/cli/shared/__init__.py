"""What several commands use.

console         messages on standard error
options         types of options
errors          errors of the engine as one line and an exit status
signals         runs a command until it is done or a signal ends it
warnings        library warnings as one line each
extras          optional libraries
credentials     which credential a command uses
"""

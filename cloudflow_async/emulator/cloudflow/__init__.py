"""The CloudFlow API document as a server.

routes          paths and methods to endpoints
endpoints       the endpoints, in the document's order
bodies          request bodies: fields, types, required ones
queries         query parameters
serializers     state to the JSON shapes of the document
analytics       metrics computed from the recorded runs
runs            executions that start and end on the emulator's clock
seeding         what tests and demos put there beforehand
history         a plausible past of many pipelines
state           workflows, pipelines, executions and webhooks
"""

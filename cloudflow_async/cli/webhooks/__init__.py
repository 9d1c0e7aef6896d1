"""``cloudflow webhooks``: create, listen, sign, verify.

listen          a receiver on this machine
receiver        what it does with a delivery
forward         passes deliveries on to another address
register        registers a webhook
sign            signs and verifies deliveries by hand
event_lines     an event as one line
secrets         where the secret comes from
bodies          files and standard input, as bytes
"""

"""Webhook deliveries: signed, sent to loopback addresses, retried on the emulator's clock.

dispatcher      delivers events at least once
deliveries      what is delivered, and each attempt
sending         one attempt: a POST and its outcome
targets         which addresses may be delivered to
signing         Standard Webhooks signatures
faults          what goes wrong with deliveries on request
"""

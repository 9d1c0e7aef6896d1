"""What can go wrong between a client and a server, and what has to come of it."""

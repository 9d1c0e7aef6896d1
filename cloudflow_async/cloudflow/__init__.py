"""The CloudFlow API: one file a noun, its data classes first, then its endpoints."""

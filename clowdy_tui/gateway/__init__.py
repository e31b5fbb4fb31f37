"""The HTTP server: the public door, the API, the events."""

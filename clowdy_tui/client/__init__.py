"""A typed client of the API, over the unix socket or TCP."""

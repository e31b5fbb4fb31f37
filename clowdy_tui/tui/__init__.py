"""The screen: a client of the API like any other."""

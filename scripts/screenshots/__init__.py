"""`make screenshots`: pictures of the real screen on a real gateway, of an example that looks like work."""

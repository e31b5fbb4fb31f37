"""Projects' databases: one small interface, and the providers behind it."""

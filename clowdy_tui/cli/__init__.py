"""The command line: the only place where gateway, services and screen meet."""

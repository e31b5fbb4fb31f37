"""A function's versions: the list of them, what each has changed, and the way back to one."""

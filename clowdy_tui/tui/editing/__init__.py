"""What helps while one writes: checks, the formatter, completion, and the person's own editor."""

"""What a screen leaves on disk for the next one: what was typed and not saved, and how the desk was laid out."""

"""What a user can do. Every method takes the Actor first; all answers are the schemas of `domain`."""

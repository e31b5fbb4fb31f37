"""What the app does when something is said or has happened, one file a subject."""

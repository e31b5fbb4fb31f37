"""Runs code: no database, no HTTP, no screen. A Deployment and an event in, an Outcome out."""

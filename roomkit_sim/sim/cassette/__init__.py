"""Recordings of realtime calls: a call with a service becomes a test that runs without it (docs/cassettes.md)."""

"""The harness: synthetic callers, a simulated world, protocol servers, checks and reports."""

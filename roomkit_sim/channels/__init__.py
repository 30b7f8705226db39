"""Channels: ways to people, and agents that answer them."""

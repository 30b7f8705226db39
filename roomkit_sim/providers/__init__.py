"""Adapters over the official SDKs of model providers."""

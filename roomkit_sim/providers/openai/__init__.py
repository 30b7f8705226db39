"""OpenAI, and services that speak its API."""

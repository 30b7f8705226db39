"""Protocol servers that stand where a provider's service would: they listen, and refuse what the service refuses."""

"""Parts of the realtime voice channel."""

"""What happened in a call: event types, the recorder, files, and views on them."""

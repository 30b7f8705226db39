"""OpenAI Realtime, GA. Field names are those of openai 3.52 (``openai.types.realtime``).

A client may send before ``session.created``: the recorded clients all waited, but nothing shows that the service would
refuse, and the service takes the frames in order.
"""

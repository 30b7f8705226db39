"""The client protocol linter: every frame that a client sends is held against the protocol's state machine.

Servers tolerate what they should not, fakes above all. The rules here look at the trace alone: what the client had
received when it sent, and what it sent before. A rule is one line of a table (``common.py``, ``gemini/table.py``,
``openai/table.py``) and one function of a few lines; its cause and cure stand with its code in ``wire_codes.py``.
"""

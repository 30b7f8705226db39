"""The parts of the voice channel: hearing, recognition, turns, speech."""

"""Sound: files, resampling, endpointing, synthetic voices, recognition of utterances, accounting.

All audio is mono PCM as a numpy ``int16`` array unless a docstring says otherwise. Import from the modules; they load
their libraries on first use.
"""

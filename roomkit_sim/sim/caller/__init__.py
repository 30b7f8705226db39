"""The synthetic caller: its speech, its script, and the phone line that it talks on."""

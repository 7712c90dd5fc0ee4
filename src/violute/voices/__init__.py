"""What a musician uses: find a voice, analyse a recording, mix the two ends and render."""

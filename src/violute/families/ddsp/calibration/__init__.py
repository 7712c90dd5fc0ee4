"""What is measured for a voice after training: the dial, the noise's level, how partials waver."""

"""What every verb shares: options, output, progress, extras."""

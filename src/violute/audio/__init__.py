"""Reading, writing, resampling and measuring recordings, in constant memory."""

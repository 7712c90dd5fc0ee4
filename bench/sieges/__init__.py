"""What `bench/siege.py` does to Violute: damaged files, kills, full disks, hostile clients."""

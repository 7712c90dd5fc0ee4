"""`python -m violute`, and with it `torchrun -m violute train ...`."""

from violute.cli.main import main

if __name__ == "__main__":
    main()

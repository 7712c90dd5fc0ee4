"""The command `violute`, also `python -m violute`, and with it `torchrun -m violute train ...`."""

import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C while it is still loading ends in a line, as later, too."""
    try:
        from violute.cli.main import main as run
    except KeyboardInterrupt:
        sys.stderr.write("violute: interrupted\n")
        sys.exit(EXIT_INTERRUPTED)
    run()


if __name__ == "__main__":
    main()

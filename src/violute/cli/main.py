"""`violute`: the command line. One file a verb; each imports what it needs only when it runs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

from cyclopts import App, CycloptsError, Group, Parameter

from violute import __version__
from violute.cli.bench import bench_app
from violute.cli.convert import HYPHEN, convert
from violute.cli.data import data_app
from violute.cli.demo import demo
from violute.cli.encode import decode, encode
from violute.cli.export import export
from violute.cli.notes import notes
from violute.cli.pairs import pairs
from violute.cli.prepare import prepare_app
from violute.cli.rainbow import rainbow
from violute.cli.refit import refit
from violute.cli.site import site
from violute.cli.stream import stream
from violute.cli.studio import studio
from violute.cli.terminal.mistakes import mistakes
from violute.cli.terminal.options import refuse_urls
from violute.cli.terminal.output import complain
from violute.cli.train import EXIT_INTERRUPTED, train_app
from violute.cli.voices import voices
from violute.errors import VioluteError

EXIT_BAD_INPUT = 2

app = App(
    name="violute",
    version=__version__,
    help="Play a violin or flute recording in a voice made of both, from flute (mix 0) to violin (mix 1).",
    default_parameter=Parameter(validator=refuse_urls),
    suppress_keyboard_interrupt=False,  # `main` says that it was interrupted
    help_epilogue="Start with `violute demo`, then `violute convert YOUR.wav --mix 0.5`.",
)
VERBS: dict[str, tuple[Callable[..., int] | App, ...]] = {
    "Play": (convert, studio, demo, notes, stream, site, voices),
    "Train a voice of your own": (train_app, data_app, export, refit),
    "Research": (bench_app, prepare_app, pairs, encode, decode, rainbow),
}
"""By what people want; what most of them want first."""

for _title, _verbs in VERBS.items():
    _group = Group(_title, sort_key=list(VERBS).index(_title))
    for _place, _verb in enumerate(_verbs):
        if isinstance(_verb, App):
            _verb.group, _verb.sort_key = _group, _place
            app.command(_verb)
        else:
            app.command(_verb, group=_group, sort_key=_place)
_options = Group("Options", sort_key=len(VERBS))
app.register_install_completion_command(
    help="Install completion for this shell, which adds a line to its start-up file.", group=_options
)
for _name in ("--help", "--version"):
    app[_name].group = _options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0: done. 2: something in the input or the flags has to change; one line on standard error says
    what. 130: interrupted. A traceback is a bug.
    """
    for output in (sys.stdout, sys.stderr):
        # File names are bytes; one that the terminal's encoding lacks must not end the run.
        if hasattr(output, "reconfigure"):
            output.reconfigure(errors="backslashreplace")
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no terminal that hangs up
            signal.signal(getattr(signal, name), _stop)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["convert"]:
            words = [HYPHEN if word == "-" else word for word in words]
        code = app(
            words,
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        for line in mistakes(app, words, error):
            complain(line)
        code = EXIT_BAD_INPUT
    except VioluteError as error:
        complain(str(error))
        code = EXIT_BAD_INPUT
    except KeyboardInterrupt:
        complain("interrupted")
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `head` does; nobody is there to complain to.
        sys.stderr.close()
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _stop(number: int, _frame: FrameType | None) -> None:
    """Leave on a signal as on an error, so that unfinished files are removed."""
    sys.exit(128 + number)

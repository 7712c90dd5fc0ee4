"""A performance is drawn where it sounds: by pitch, by time and by loudness."""

import numpy as np

from violute.drawing.lettering import PAPER
from violute.drawing.performance import BAND, LEFT, LINE_COLOURS, SEMITONE_PIXELS, draw_performance


def places(page, colour):
    """Rows and columns of a colour."""
    return np.nonzero((page == np.array(colour)).all(axis=2))


def test_an_octave_is_twelve_semitones_and_unpitched_frames_stay_empty():
    f0_hz = np.concatenate([np.full(100, 440.0), np.zeros(100), np.full(100, 880.0)])[None]
    page = draw_performance(f0_hz, np.full((1, 300), -20.0), 3.0)
    rows, columns = places(page, LINE_COLOURS[0])
    width = page.shape[1] - LEFT
    third = (columns - LEFT) * 3 // width
    assert set(third) == {0, 2}
    assert rows[third == 0].mean() - rows[third == 2].mean() == 12 * SEMITONE_PIXELS


def test_the_band_is_as_high_as_it_is_loud():
    loudness_db = np.concatenate([np.full(100, -10.0), np.full(100, -35.0), np.full(100, -90.0)])[None]
    page = draw_performance(np.zeros((1, 300)), loudness_db, 3.0)
    _, columns = places(page, BAND)
    counts = [np.sum(columns == LEFT + round((page.shape[1] - LEFT) * share)) for share in (0.1, 0.5, 0.9)]
    assert counts[0] == 2 * counts[1] > 0 == counts[2]


def test_lines_have_colours_of_their_own_and_a_piece_without_pitch_is_a_picture_too():
    f0_hz = np.stack([np.full(50, 440.0), np.full(50, 660.0)])
    page = draw_performance(f0_hz, np.zeros((2, 50)), 0.5)
    assert all(len(places(page, colour)[0]) for colour in LINE_COLOURS[:2])
    silent = draw_performance(np.zeros((1, 1)), np.zeros((1, 1)), 0.01)
    assert not len(places(silent, LINE_COLOURS[0])[0])
    assert len(places(silent, PAPER)[0]) > silent.shape[0] * silent.shape[1] / 2

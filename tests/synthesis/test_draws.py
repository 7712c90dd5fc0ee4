"""What twins in other languages are given is what NumPy draws from."""

import numpy as np

from violute.synthesis.draws import draws, generator_state
from violute.synthesis.noise import DRAWS_SEED
from violute.synthesis.room import N_REFLECTIONS, PLACES


def drawn_from(state):
    """Draw from the halves of a state and an increment, put together again."""
    halves = [int(half) for half in state]
    bits = np.random.PCG64()
    bits.state = bits.state | {
        "state": {"state": halves[0] << 64 | halves[1], "inc": halves[2] << 64 | halves[3]}
    }
    return np.random.Generator(bits).standard_normal(5)


def test_a_generator_with_the_state_of_a_seed_draws_what_the_seed_does():
    np.testing.assert_array_equal(drawn_from(generator_state(7)), np.random.default_rng(7).standard_normal(5))
    np.testing.assert_array_equal(
        drawn_from(draws()["noise.state"]), np.random.default_rng(DRAWS_SEED).standard_normal(5)
    )


def test_reflections_come_in_order_at_both_loudspeakers():
    arrivals, signs = draws()["room.arrivals"], draws()["room.signs"]
    assert arrivals.shape == signs.shape == (len(PLACES), N_REFLECTIONS)
    assert (np.diff(arrivals, axis=1) > 0.0).all()
    assert set(signs.ravel()) == {-1.0, 1.0}
    assert not np.array_equal(arrivals[0], arrivals[1])

"""A stream computed ahead is the same stream."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.voices.prefetch import prefetched


@given(st.lists(st.one_of(st.none(), st.integers())))
def test_the_blocks_are_the_same_in_the_same_order(blocks):
    assert list(prefetched(iter(blocks))) == blocks


def test_exactly_one_block_is_computed_ahead():
    begun = []

    def counted():
        for i in range(5):
            begun.append(i)
            yield i

    stream = prefetched(counted())
    for i in stream:
        assert len(begun) <= i + 2


def test_the_next_block_is_computed_while_this_one_is_used():
    is_second_begun = threading.Event()

    def blocks():
        yield 1
        is_second_begun.set()
        yield 2

    stream = prefetched(blocks())
    next(stream)
    assert is_second_begun.wait(timeout=60)
    stream.close()


def test_errors_arrive_in_their_place():
    def failing():
        yield 1
        raise ZeroDivisionError

    stream = prefetched(failing())
    assert next(stream) == 1
    with pytest.raises(ZeroDivisionError):
        next(stream)

// Counts what the program allocates, so that it can tell whether the core keeps its promise to allocate nothing.
#pragma once

#include <cstddef>

std::size_t n_allocations();

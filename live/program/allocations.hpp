// Counts what each thread allocates and frees, so that a program can tell whether the core keeps its promise to do
// neither while it plays.
#pragma once

#include <cstddef>

std::size_t n_allocations();

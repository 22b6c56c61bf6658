// What a fuzzer does where something that must hold does not: it says which, and dies, so that the input is kept.
#pragma once

#include <cstdio>
#include <cstdlib>

#define FUZZ_EXPECT(condition)                                                                               \
  do {                                                                                                       \
    if (!(condition)) {                                                                                      \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);                    \
      std::abort();                                                                                          \
    }                                                                                                        \
  } while (false)

// SPDX-License-Identifier: Apache-2.0
// How a harness says that a claim does not hold: the text goes to stderr and the program stops, which
// a fuzzer takes for a crash, and CTest for a failure.
#ifndef FUZZ_FAIL_H
#define FUZZ_FAIL_H

#include <stdio.h>
#include <stdlib.h>

#define FUZZ_FAIL(...)                                                                             \
    do {                                                                                           \
        fprintf(stderr, "fuzz: %s:%d: ", __FILE__, __LINE__);                                      \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        abort();                                                                                   \
    } while (0)

#define FUZZ_REQUIRE(claim, ...)                                                                   \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            FUZZ_FAIL(__VA_ARGS__);                                                                \
        }                                                                                          \
    } while (0)

// With FUZZ_TRACE in the environment fuzz_plane tells what it does: to read a failure by.
extern int fuzz_is_told;
#define FUZZ_TELL(...)                                                                             \
    do {                                                                                           \
        if (fuzz_is_told) {                                                                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

#endif

// SPDX-License-Identifier: Apache-2.0
// Claims of a test on a board: what does not hold is printed, and the image ends with status 1.
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

#define CHECK(claim) check((claim), __FILE__, __LINE__, #claim)

// Prints a whole number after a text.
static inline void
print_number(const char *text, int64_t number)
{
    char digits[21];
    char *at = digits + sizeof digits - 1;
    uint64_t rest = number < 0 ? 0 - (uint64_t) number : (uint64_t) number;
    *at = '\0';
    do {
        *--at = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    board_print(text);
    board_print(number < 0 ? "-" : "");
    board_print(at);
}

static inline void
check(bool claim, const char *file, int line, const char *text)
{
    if (!claim) {
        board_print(file);
        print_number(":", line);
        board_print(": does not hold: ");
        board_print(text);
        board_print("\n");
        board_exit(1);
    }
}

#endif

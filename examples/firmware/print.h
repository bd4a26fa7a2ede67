// SPDX-License-Identifier: Apache-2.0
// Lines of text and numbers, without a printf.
#ifndef PRINT_H
#define PRINT_H

#include <stdint.h>

#include "boards/board.h"

static inline void
print_number(int32_t number)
{
    char digits[12];
    char *at = &digits[sizeof digits - 1];
    uint32_t rest = number < 0 ? 0u - (uint32_t) number : (uint32_t) number;
    *at = '\0';
    do {
        *--at = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    board_print(number < 0 ? "-" : "");
    board_print(at);
}

static inline void
print_line(const char *text, int32_t number)
{
    board_print(text);
    print_number(number);
    board_print("\n");
}

#endif

// SPDX-License-Identifier: Apache-2.0
// Runs a suite on a board.
#include "board.h"
#include "rig.h"

void
rig_print(const char *text)
{
    board_print(text);
}

static void
print_number(uint64_t number)
{
    char digits[17];
    for (int i = 0; i < 16; i++) {
        digits[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    }
    digits[16] = '\0';
    board_print("0x");
    board_print(digits);
}

static void
fail(const char *file, int line, const char *text)
{
    board_print(file);
    board_print(":");
    print_number((uint64_t) line);
    board_print(": ");
    board_print(text);
}

void
rig_check(bool claim, const char *file, int line, const char *text)
{
    if (!claim) {
        fail(file, line, text);
        board_print(" does not hold\n");
        board_exit(1);
    }
}

void
rig_check_eq(uint64_t want, uint64_t got, const char *file, int line, const char *text)
{
    if (want != got) {
        fail(file, line, text);
        board_print(" is ");
        print_number(got);
        board_print(", not ");
        print_number(want);
        board_print("\n");
        board_exit(1);
    }
}

int
main(void)
{
    board_start(NULL);
    for (const struct rig_test *test = rig_tests; test->name; test++) {
        board_print(test->name);
        test->run();
        board_print(": passed\n");
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// A board starts, sleeps through 20 ticks and ends with a status. With -DEXPECTED_TICKS=21 it fails.
#include "core/mask.h"
#include "core/port.h"

#include "check.h"

#ifndef EXPECTED_TICKS
#define EXPECTED_TICKS 20
#endif

static volatile uint32_t ticks;
static volatile uint32_t in_data = 0x12345678;
static volatile uint32_t in_bss;
static volatile const uint32_t in_flash = 0x9abcdef0;

static void
tick(void)
{
    ticks = ticks + 1;
}

int
main(void)
{
    board_print(board_name);
    board_print("\n");
    CHECK(in_data == 0x12345678 && in_bss == 0 && in_flash == 0x9abcdef0);

    aimdbi_signal nothing = { 0 };
    board_start(tick);
    aimdb_time begin = aimdbp_clock(), last = begin;
    while (ticks < 20) {
        aimdbp_idle(&nothing, AIMDB_FOREVER);
        aimdb_time now = aimdbp_clock();
        CHECK(now >= last);
        last = now;
    }
    CHECK(ticks == EXPECTED_TICKS);
    CHECK(last - begin > AIMDB_MS(19) && last - begin < AIMDB_MS(21));

    // Closely: here many instructions fit into one cycle of the clock.
    aimdb_time closely = last;
    while (closely < last + AIMDB_MS(20)) {
        aimdb_time now = aimdbp_clock();
        CHECK(now >= closely && now - closely < AIMDB_US(100));
        closely = now;
    }

    size_t outer = aimdbp_mask();
    size_t inner = aimdbp_mask();
    CHECK(outer != inner);
    aimdbp_unmask(inner);
    CHECK(aimdbp_mask() == inner);
    aimdbp_unmask(outer);
    size_t again = aimdbp_mask();
    aimdbp_unmask(again);
    CHECK(again == outer);

    print_number("nanoseconds in 20 ticks: ", last - begin);
    print_number("\nstack: ", (int64_t) board_stack_used());
    board_print("\n");
    return 0;
}

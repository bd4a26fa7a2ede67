// SPDX-License-Identifier: Apache-2.0
// A broken invariant is told to the application, with interrupts masked; then nothing runs any more.
// With -DWITHOUT_FAULT the application does not ask, and the image stays in a loop.
#include <aimdb/fault.h>

#include "core/mask.h"
#include "core/port.h"

#include "check.h"

static bool panicking;

static void
tick(void)
{
    CHECK(!panicking);
}

#ifndef WITHOUT_FAULT
static size_t enabled;

void
aimdb_fault(const char *file, int line, const char *text)
{
    CHECK(aimdbp_mask() != enabled);
    CHECK(file[0] == 'f' && line == 7 && text[0] == 't');
    board_exit(0);
}
#endif

int
main(void)
{
#ifndef WITHOUT_FAULT
    enabled = aimdbp_mask();
    aimdbp_unmask(enabled);
#endif
    board_start(tick);
    board_print("panics\n");
    panicking = true;
    aimdbp_panic("file", 7, "text");
}

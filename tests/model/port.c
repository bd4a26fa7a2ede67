// SPDX-License-Identifier: Apache-2.0
// The port's hooks that have nothing to do with memory order; the others are in memory.c and
// explore.c.
#include "memory.h"

aimdb_time
aimdbp_clock(void)
{
    return 1;
}

void *
aimdbp_alloc(size_t size, size_t align)
{
    (void) align; // model_alloc aligns to 64 bytes, more than anything here asks for
    return model_alloc(size);
}

void
aimdbp_release(void *memory, size_t size)
{
    (void) memory;
    (void) size;
}

void
aimdbp_init(void)
{
}

bool
aimdbp_fence_is_asymmetric(void)
{
    return model_running->asymmetric;
}

void *
aimdbp_current(void)
{
    return model_self < 0 ? NULL : model_threads[model_self].executing;
}

void
aimdbp_set_current(void *current)
{
    model_threads[model_self].executing = current;
}

void
aimdbp_fork_watch(struct aimdbp_fork_watch *watch, aimdb_word *word, size_t bits)
{
    watch->word = word;
    watch->bits = bits;
}

void
aimdbp_fork_unwatch(struct aimdbp_fork_watch *watch)
{
    model_touch(watch); // a closer does this last of all, before it publishes the report
}

_Noreturn void
aimdbp_panic(const char *file, int line, const char *text)
{
    model_fail("%s:%d: %s", file, line, text);
}

void
aimdbp_wake(aimdbi_signal *ready)
{
    aimdbp_wake_all(ready);
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    aimdbp_wait(ready, 0, deadline);
}

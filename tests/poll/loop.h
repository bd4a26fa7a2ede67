// SPDX-License-Identifier: Apache-2.0
// What the tests of the poll executor share: a world, as the contract suites know it, whose executor
// nobody drives but the test.
#ifndef LOOP_H
#define LOOP_H

#include "contract.h"

int
loop_setup(void **state);
#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, loop_setup, world_teardown)
// The body of main(); argv[1] filters tests by name.
#define LOOP_RUN(tests, argc, argv)                                                                \
    (loop_init((argc), (argv)) ? 2 : cmocka_run_group_tests((tests), NULL, NULL))
int
loop_init(int argc, char **argv);

// An executor with other options instead of the world's own.
void
loop_rebuild(struct world *w, const aimdb_poll_options *options);

// Whether the descriptor is readable.
bool
loop_is_readable(aimdb_executor *executor);
// How often it was raised since it was last lowered, as the kernel counts.
uint64_t
loop_raises(aimdb_executor *executor);
// One turn of an event loop: waits with poll(2) as long as there is nothing to do, then dispatches.
void
loop_turn(aimdb_executor *executor);
// Threads of this process besides the one that began it; a sanitizer may have one of its own.
unsigned
loop_other_threads(void);
bool
loop_is_tsan(void);
// Processor time of another thread, ns.
int64_t
loop_processor_time(pthread_t thread);

// A source that takes `left` steps, a period apart, and emits 1, 2, 3 ...
struct ticker {
    uint64_t count, left;
    aimdb_time period;
};
struct ticker *
ticker_attach(struct world *w, number_record record, uint64_t steps, aimdb_time period);

#endif

// SPDX-License-Identifier: Apache-2.0
// port_contract [FILTER] runs all tests, or those whose names match. port_contract --without
// heavy_fence runs the litmus test as if the port's heavy fence did nothing, and succeeds if the test
// notices; 77: this machine does not show it.
#include "suite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LITMUS_ROUNDS 100000
#define SKIPPED 77

void (*suite_while_forking)(void);

// Handlers of a fork that were registered first are called last before it.
static void
before_fork(void)
{
    if (suite_while_forking != NULL)
        suite_while_forking();
}

static int
notices_a_missing_fence(void)
{
    aimdbp_init();
    for (int attempt = 0; attempt < 10; attempt++) {
        size_t violations = litmus_violations(LITMUS_ROUNDS, false);
        if (violations > 0) {
            printf("without the heavy fence %zu of %d rounds were out of order\n", violations,
                   LITMUS_ROUNDS);
            return 0;
        }
    }
    printf("skipped: this machine kept the order without the heavy fence too\n");
    return SKIPPED;
}

int
main(int argc, char **argv)
{
    const struct suite_part *parts[] = { &memory_part, &sleep_part,   &idle_part,
                                         &fence_part,  &process_part, &posix_part };
    int failed = 0;
    if (pthread_atfork(before_fork, NULL, NULL) != 0)
        return 2;
    if (argc == 3 && strcmp(argv[1], "--without") == 0 && strcmp(argv[2], "heavy_fence") == 0)
        return notices_a_missing_fence();
    if (argc > 2) {
        fprintf(stderr, "usage: %s [FILTER] | --without heavy_fence\n", argv[0]);
        return 2;
    }
    if (argc == 2)
        cmocka_set_test_filter(argv[1]);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        failed +=
            _cmocka_run_group_tests(parts[i]->name, parts[i]->tests, parts[i]->count, NULL, NULL);
    return failed;
}

// SPDX-License-Identifier: Apache-2.0
// Runs a suite on a host; with -DRIG_EXECUTOR on the executor that the first argument names.
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"

void
rig_print(const char *text)
{
    fputs(text, stdout);
}

void
rig_check(bool claim, const char *file, int line, const char *text)
{
    if (!claim) {
        printf("%s:%d: %s does not hold\n", file, line, text);
        exit(1);
    }
}

void
rig_check_eq(uint64_t want, uint64_t got, const char *file, int line, const char *text)
{
    if (want != got) {
        printf("%s:%d: %s is %lld, not %lld\n", file, line, text, (long long) got,
               (long long) want);
        exit(1);
    }
}

#ifdef RIG_EXECUTOR
void
rig_choose(const char *executor);
#endif

int
main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
#ifdef RIG_EXECUTOR
    if (argc != 2) {
        fputs("usage: SUITE pool:N|poll|uv|sim\n", stderr);
        return 2;
    }
    rig_choose(argv[1]);
#else
    (void) argv;
    if (argc != 1) {
        return 2;
    }
#endif
    for (const struct rig_test *test = rig_tests; test->name; test++) {
        printf("%s", test->name);
        test->run();
        printf(": passed\n");
    }
    return 0;
}

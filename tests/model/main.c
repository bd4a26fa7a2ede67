// SPDX-License-Identifier: Apache-2.0
// The model checker as a program.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static const char usage[] = "usage: model --litmus | --list | [--trace] [PATTERN]\n"
                            "\n"
                            "Explores the scenarios whose names contain PATTERN; without one, or "
                            "with a \"+\" before it, none\n"
                            "that takes minutes.\n"
                            "  --litmus   the explorer's own tests\n"
                            "  --list     the names of the scenarios\n"
                            "  --trace    print the execution that fails\n";

int
main(int argument_count, char **arguments)
{
    bool trace = argument_count > 1 && strcmp(arguments[1], "--trace") == 0;
    int next = trace ? 2 : 1;
    const char *pattern = next < argument_count ? arguments[next] : NULL;
    if (next + 1 < argument_count) {
        (void) fputs(usage, stderr);
        return 2;
    }
    if (pattern && strcmp(pattern, "--litmus") == 0) {
        return suite_litmus() ? 1 : 0;
    }
    if (pattern && strcmp(pattern, "--list") == 0) {
        suite_list();
        suite_list_several();
        suite_list_statics();
        return 0;
    }
    if (pattern && pattern[0] == '-') {
        (void) fputs(usage, stderr);
        return 2;
    }
    size_t (*const suites[])(const char *, bool) = { suite_scenarios, suite_several,
                                                     suite_statics };
    bool any = false;
    bool failed = false;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        size_t result = suites[i](pattern, trace);
        any = any || result != SIZE_MAX;
        failed = failed || (result != SIZE_MAX && result > 0);
    }
    if (!any) {
        (void) fprintf(stderr, "model: no scenario's name contains \"%s\"\n", pattern);
        return 2;
    }
    return failed;
}

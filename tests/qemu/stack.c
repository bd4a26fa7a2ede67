// SPDX-License-Identifier: Apache-2.0
// What a program has used of its stack when its main() returns: linked with -Wl,--wrap=main.
#include "check.h"

int
__real_main(void);
int
__wrap_main(void);

int
__wrap_main(void)
{
    int status = __real_main();
    print_number("stack: ", (int64_t) board_stack_used());
    board_print("\n");
    return status;
}

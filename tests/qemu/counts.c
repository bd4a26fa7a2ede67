// SPDX-License-Identifier: Apache-2.0
// count.h counts exactly: sequences whose length is known, each of them again and again.
#include "check.h"
#include "count.h"

#ifdef __riscv
#define RETURN "ret"
#define LOOP "li a5, 100\n1:\n\taddi a5, a5, -1\n\tbnez a5, 1b\n\t"
#else
#define RETURN "bx lr"
#define LOOP ".syntax unified\n\tmovs r3, #100\n1:\n\tsubs r3, r3, #1\n\tbne 1b\n\t"
#endif

__attribute__((naked)) COUNTED static void
one_nop(void *argument)
{
    (void) argument;
    __asm__("nop\n\t" RETURN);
}

__attribute__((naked)) COUNTED static void
thousand_nops(void *argument)
{
    (void) argument;
    __asm__(".rept 1000\n\tnop\n\t.endr\n\t" RETURN);
}

__attribute__((naked)) COUNTED static void
loop(void *argument)
{
    (void) argument;
    __asm__(LOOP RETURN);
}

int
main(void)
{
    for (int again = 0; again < 100; again++) {
        uint32_t nothing = count_call(count_nothing, NULL);
        uint32_t one = count_call(one_nop, NULL);
        uint32_t thousand = count_call(thousand_nops, NULL);
        uint32_t looped = count_call(loop, NULL);
        if (again == 0) {
            print_number("nothing ", nothing);
            print_number(", one nop ", one);
            print_number(", a thousand ", thousand);
            print_number(", a loop of 201 ", looped);
            board_print("\n");
        }
        CHECK(nothing == 0 && one == 1 && thousand == 1000 && looped == 201);
    }
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Runs the sketch of examples/ports/arduino/hello: edges in interrupts, and what it prints.
#include "Arduino.h"
#include "hello.ino"

#include <cstdio>

#include "kernel.h"

SerialStub Serial;
static void (*handler)(void);
static int edges_told, levels_told;

void
SerialStub::begin(unsigned long baud)
{
    std::printf("%lu baud\n", baud);
}

void
SerialStub::println(const char *text)
{
    std::printf("%s\n", text);
}

void
SerialStub::println(int number)
{
    EXPECT(number == 512);
    levels_told++;
}

void
SerialStub::println(uint32_t number)
{
    EXPECT(static_cast<int>(number) == edges_told + 1);
    edges_told++;
}

void
pinMode(uint8_t, uint8_t)
{
}

int
analogRead(uint8_t)
{
    return 512;
}

void
attachInterrupt(uint8_t, void (*to)(void), int)
{
    handler = to;
}

int
main()
{
    setup();
    for (unsigned i = 1; i <= 1000; i++) { // a millisecond each
        bool asleep;
        if (i % 10 == 0 && kernel_has_come(&asleep)) {
            kernel_interrupt(i % 7, handler, false);
        }
        loop();
    }
    std::printf("%d edges, %d levels\n", edges_told, levels_told);
    EXPECT(edges_told >= 95 && edges_told <= 100 && levels_told >= 10 && levels_told <= 11);
    return 0;
}

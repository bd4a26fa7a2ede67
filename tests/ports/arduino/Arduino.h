// SPDX-License-Identifier: Apache-2.0
// A stub: the names of Arduino that the port and the sketch use, declared by us.
#ifndef Arduino_h
#define Arduino_h

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

unsigned long
micros(void);
void
yield(void);
void
pinMode(uint8_t pin, uint8_t mode);
int
analogRead(uint8_t pin);
void
attachInterrupt(uint8_t interrupt, void (*handler)(void), int mode);

#define INPUT_PULLUP 2
#define FALLING 2
#define A0 14
#define digitalPinToInterrupt(pin) (pin)

#ifdef __cplusplus
}

struct SerialStub {
    void
    begin(unsigned long baud);
    void
    println(const char *text);
    void
    println(int number);
    void
    println(uint32_t number);
};
extern SerialStub Serial;

void
setup();
void
loop();
#endif

#endif

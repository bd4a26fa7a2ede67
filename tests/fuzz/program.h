// SPDX-License-Identifier: Apache-2.0
// Programs of operations of equal length, and what libFuzzer calls.
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_OP 4u // bytes of an operation

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

// program_mutate changes a program by whole operations: one is put in, taken out, doubled, exchanged
// with another or given other arguments; a stretch of them is repeated or cut off. It returns the new
// size.
size_t
program_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <string.h>

struct program {
    uint8_t *data;
    size_t ops;
    size_t room; // operations
    uint64_t random;
};

// xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016.
static size_t
draw(struct program *program, size_t below)
{
    program->random ^= program->random >> 12;
    program->random ^= program->random << 25;
    program->random ^= program->random >> 27;
    return (size_t) ((program->random * 0x2545f4914f6cdd1du) >> 33) % below;
}

static uint8_t *
op_at(const struct program *program, size_t i)
{
    return program->data + i * PROGRAM_OP;
}

static void
fill(struct program *program, uint8_t *op)
{
    for (size_t i = 0; i < PROGRAM_OP; i++) {
        op[i] = (uint8_t) draw(program, 256);
    }
}

// Makes room for `count` operations at place `at`; what does not fit is not put in.
static size_t
widen(struct program *program, size_t at, size_t count)
{
    size_t free_ops = program->room - program->ops;
    count = count < free_ops ? count : free_ops;
    memmove(op_at(program, at + count), op_at(program, at), (program->ops - at) * PROGRAM_OP);
    program->ops += count;
    return count;
}

static void
insert(struct program *program)
{
    size_t at = draw(program, program->ops + 1);
    if (widen(program, at, 1) == 1) {
        fill(program, op_at(program, at));
    }
}

static void
take_out(struct program *program, size_t at, size_t count)
{
    program->ops -= count;
    memmove(op_at(program, at), op_at(program, at + count), (program->ops - at) * PROGRAM_OP);
}

static void
edit(struct program *program)
{
    uint8_t *op = op_at(program, draw(program, program->ops));
    size_t i = draw(program, PROGRAM_OP);
    op[i] = (uint8_t) (draw(program, 2) ? draw(program, 256) : op[i] ^ 1u << draw(program, 8));
}

static void
exchange(struct program *program)
{
    uint8_t held[PROGRAM_OP];
    uint8_t *a = op_at(program, draw(program, program->ops));
    uint8_t *b = op_at(program, draw(program, program->ops));
    memcpy(held, a, PROGRAM_OP);
    memmove(a, b, PROGRAM_OP);
    memcpy(b, held, PROGRAM_OP);
}

// A stretch of up to 8 operations, once more at another place.
static void
repeat(struct program *program)
{
    uint8_t held[8 * PROGRAM_OP];
    size_t from = draw(program, program->ops);
    size_t count = 1 + draw(program, 8);
    count = count < program->ops - from ? count : program->ops - from;
    memcpy(held, op_at(program, from), count * PROGRAM_OP);
    size_t at = draw(program, program->ops + 1);
    count = widen(program, at, count);
    memcpy(op_at(program, at), held, count * PROGRAM_OP);
}

static void
change(struct program *program)
{
    size_t what = draw(program, 16);
    if (program->ops == 0 || what < 4) {
        insert(program);
    } else if (what < 9) {
        edit(program);
    } else if (what < 11) {
        exchange(program);
    } else if (what < 14) {
        repeat(program);
    } else if (what < 15) {
        take_out(program, draw(program, program->ops), 1);
    } else {
        size_t at = draw(program, program->ops);
        take_out(program, at, 1 + draw(program, program->ops - at));
    }
}

size_t
program_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    struct program program = { .data = data,
                               .ops = size / PROGRAM_OP,
                               .room = max_size / PROGRAM_OP,
                               .random = seed * 0x9e3779b97f4a7c15u + 1 };
    if (program.room == 0) {
        return size;
    }
    size_t changes = 1 + draw(&program, 4);
    for (size_t i = 0; i < changes; i++) {
        change(&program);
    }
    return program.ops * PROGRAM_OP;
}

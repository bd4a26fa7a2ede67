// SPDX-License-Identifier: Apache-2.0
// What the core costs on a board: instructions of its paths, instructions with interrupts masked, and
// bytes. Each line is a key and a number; tests/qemu/budgets compares them with budgets.txt. Runs with
// `--icount 10` on Cortex-M, `--icount 8` on RISC-V.
//
// Instructions with interrupts masked: an interrupt is made to come at each instruction of a path,
// one after the other, and its handler notes when it really came. What lies between two of its
// moments, next to each other, is what an interrupt waited for. This sees the shipped instructions:
// nothing is added to the sections, they need not be found, and those of the port are among them.
#define COUNT_SHIFT 8

#include <aimdb/static.h>

#include "core/latest.h"

#include "check.h"
#include "count.h"
#include "moment.h"

struct v32 {
    _Alignas(size_t) uint8_t byte[32];
};
struct v64 {
    _Alignas(size_t) uint8_t byte[64];
};

AIMDB_RECORD_TYPE(v32, struct v32);
AIMDB_RECORD_TYPE(v64, struct v64);
AIMDB_STATIC_SPMC_RING(v32, ring_one, "ring", 16, .one_writer = true);
AIMDB_STATIC_SPMC_RING(v32, ring_any, "ring.any", 16);
AIMDB_STATIC_SPMC_RING(v32, ring_four, "ring.four", 16, .one_writer = true);
AIMDB_STATIC_SPMC_RING(v64, ring_large, "ring.large", 16, .one_writer = true);
AIMDB_STATIC_SINGLE_LATEST_WITH(v32, latest_one, "latest", .one_writer = true);
AIMDB_STATIC_SINGLE_LATEST(v32, latest_any, "latest.any");
AIMDB_STATIC_MAILBOX(v32, mailbox_any, "mailbox");
AIMDB_STATIC_SPMC_RING(v32, origin, "origin", 16, .one_writer = true);
AIMDB_STATIC_SPMC_RING(v32, derived, "derived", 16, .one_writer = true);

static aimdb_err
eat(aimdb_ctx *ctx, const struct v32 *value)
{
    (void) ctx;
    (void) value;
    __asm__ volatile("");
    return AIMDB_OK;
}

static aimdb_err
eat_large(aimdb_ctx *ctx, const struct v64 *value)
{
    (void) ctx;
    (void) value;
    __asm__ volatile("");
    return AIMDB_OK;
}

static aimdb_err
derive(aimdb_ctx *ctx, const struct v32 *value)
{
    return v32_emit(ctx, derived, value);
}

AIMDB_STATIC_CONSUMER_AS(eat_ring_one, ring_one, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_ring_any, ring_any, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_first, ring_four, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_second, ring_four, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_third, ring_four, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_fourth, ring_four, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_ring_large, ring_large, eat_large, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_latest_one, latest_one, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_latest_any, latest_any, eat, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_mailbox_any, mailbox_any, eat, NULL);
AIMDB_STATIC_CONSUMER(origin, derive, NULL);
AIMDB_STATIC_CONSUMER_AS(eat_derived, derived, eat, NULL);
AIMDB_STATIC_DB(db_ring_one, ring_one, eat_ring_one);
AIMDB_STATIC_DB(db_ring_any, ring_any, eat_ring_any);
AIMDB_STATIC_DB(db_ring_four, ring_four, eat_first, eat_second, eat_third, eat_fourth);
AIMDB_STATIC_DB(db_ring_large, ring_large, eat_ring_large);
AIMDB_STATIC_DB(db_latest_one, latest_one, eat_latest_one);
AIMDB_STATIC_DB(db_latest_any, latest_any, eat_latest_any);
AIMDB_STATIC_DB(db_mailbox_any, mailbox_any, eat_mailbox_any);
AIMDB_STATIC_DB(db_emission, origin, derived, derive, eat_derived);

static struct v32 value32;
static struct v64 value64;

// What is measured: NAME_push, NAME_poll, NAME_path (both) and NAME_idle (a poll with nothing ready).
#define PATHS(T, record, db)                                                                       \
    COUNTED static void record##_push(void *value)                                                 \
    {                                                                                              \
        (void) T##_produce(record, value);                                                         \
    }                                                                                              \
    COUNTED static void record##_poll(void *unused)                                                \
    {                                                                                              \
        (void) unused;                                                                             \
        (void) aimdb_poll(&db, 5);                                                                 \
    }                                                                                              \
    COUNTED static void record##_path(void *value)                                                 \
    {                                                                                              \
        (void) T##_produce(record, value);                                                         \
        (void) aimdb_poll(&db, 5);                                                                 \
    }

PATHS(v32, ring_one, db_ring_one)
PATHS(v32, ring_any, db_ring_any)
PATHS(v32, ring_four, db_ring_four)
PATHS(v64, ring_large, db_ring_large)
PATHS(v32, latest_one, db_latest_one)
PATHS(v32, latest_any, db_latest_any)
PATHS(v32, mailbox_any, db_mailbox_any)
PATHS(v32, origin, db_emission)

// Both records' consumers: the second one in a poll of its own.
COUNTED static void
emission_path(void *value)
{
    (void) v32_produce(origin, value);
    while (aimdb_poll(&db_emission, 5) <= 5) {
    }
}

// What a torn copy is followed by.
COUNTED static void
latest_retry(void *unused)
{
    size_t push;
    struct v32 out;
    (void) unused;
    (void) aimdbi_latest_take_masked(&latest_any_static_.shape, &latest_any_cells_, 0, &out, &push);
}

static void
line(const char *key, int64_t number)
{
    board_print(key);
    print_number(" ", number);
    board_print("\n");
}

static uint32_t
count_settled(void (*settle)(void *), void (*fn)(void *), void *argument)
{
    settle(NULL);
    settle(NULL);
    return count_call(fn, argument);
}

// --- stack ---------------------------------------------------------------------------------------

extern uint32_t board_stack_low[], board_stack_high[];

// Bytes of stack that fn uses. What lies below the stack pointer is nobody's.
COUNTED static uint32_t
stack_of(void (*fn)(void *argument), void *argument)
{
    uint32_t *top;
#ifdef __riscv
    __asm__ volatile("mv %0, sp" : "=r"(top));
#else
    __asm__ volatile("mov %0, sp" : "=r"(top));
#endif
    for (volatile uint32_t *at = board_stack_low; at < top; at++) {
        *at = 0xa5a5a5a5;
    }
    fn(argument);
    return (uint32_t) (board_stack_used() - ((uintptr_t) board_stack_high - (uintptr_t) top));
}

static uint32_t
stack_settled(void (*settle)(void *), void (*fn)(void *), void *argument)
{
    settle(NULL);
    settle(NULL);
    return stack_of(fn, argument);
}

// --- masked interrupts ---------------------------------------------------------------------------

static volatile bool is_over;
static volatile bool came_after;

static void
note_moment(void)
{
    came_after = is_over;
}

// The most instructions that an interrupt waited for in fn, after settle(), and with a push if asked.
static uint32_t
count_masked(void (*settle)(void *), void (*push)(void *), void (*fn)(void *), void *argument)
{
    uint32_t longest = 0, last = 0;
    is_over = came_after = false;
    for (uint32_t k = 0; !came_after; k++) {
        settle(NULL);
        settle(NULL);
        if (push) {
            push(argument);
        }
        is_over = false;
        moment_arm(k);
        fn(argument);
        is_over = true;
        while (moment_count == 0) {
        }
        uint32_t wait = k > 0 && moment_entered > last ? moment_entered - last - 1 : 0;
        longest = wait > longest ? wait : longest;
        last = moment_entered;
    }
    return longest;
}

COUNTED static void
section_of_twenty(void *unused)
{
    (void) unused;
    size_t state = aimdbp_mask();
#ifdef __riscv
    __asm__ volatile(".rept 20\n\t.option push\n\t.option norvc\n\tnop\n\t.option pop\n\t.endr");
#else
    __asm__ volatile(".rept 20\n\tnop\n\t.endr");
#endif
    aimdbp_unmask(state);
}

// Of a section whose length is known: the instructions in it, and the one that ends it. QEMU's RISC-V
// looks for interrupts one instruction later.
static void
check_masked(void)
{
#ifdef __riscv
    enum { END = 2 };
#else
    enum { END = 1 };
#endif
    CHECK(count_masked(count_nothing, NULL, count_nothing, NULL) == 0);
    CHECK(count_masked(count_nothing, NULL, section_of_twenty, NULL) == 20 + END);
}

static void
print_masked(void)
{
    moment_start(note_moment);
    check_masked();
#define MASKED_PUSH(key, record)                                                                   \
    line("masked." key, count_masked(record##_poll, NULL, record##_push, &value32))
#define MASKED_POLL(key, record)                                                                   \
    line("masked." key, count_masked(record##_poll, record##_push, record##_poll, &value32))
    MASKED_PUSH("ring.one_writer.push", ring_one);
    MASKED_PUSH("latest.one_writer.push", latest_one);
    MASKED_PUSH("ring.push", ring_any);
    MASKED_PUSH("latest.push", latest_any);
    MASKED_PUSH("mailbox.push", mailbox_any);
    MASKED_POLL("ring.poll", ring_any);
    MASKED_POLL("latest.poll", latest_any);
    MASKED_POLL("mailbox.poll", mailbox_any);
    line("masked.latest.retry", count_masked(latest_any_push, NULL, latest_retry, &value32));
}

// --- instructions and bytes ----------------------------------------------------------------------

int
main(void)
{
#define PUSH(key, record, value) line(key, count_settled(record##_poll, record##_push, value))
#define PATH(key, record, value) line(key, count_settled(record##_poll, record##_path, value))
    PUSH("push.ring.one_writer", ring_one, &value32);
    PUSH("push.ring", ring_any, &value32);
    PUSH("push.ring.four", ring_four, &value32);
    PUSH("push.latest", latest_any, &value32);
    PUSH("push.mailbox", mailbox_any, &value32);
    PATH("path.ring.one_writer", ring_one, &value32);
    PATH("path.ring", ring_any, &value32);
    PATH("path.ring.four", ring_four, &value32);
    PATH("path.latest", latest_any, &value32);
    PATH("path.mailbox", mailbox_any, &value32);
    origin_poll(NULL);
    line("path.emission", count_settled(origin_poll, emission_path, &value32));
    line("poll.nothing", count_settled(ring_one_poll, ring_one_poll, NULL));
    uint32_t small = count_settled(ring_one_poll, ring_one_path, &value32);
    line("path.further_32", count_settled(ring_large_poll, ring_large_path, &value64) - small);
    line("stack.push", stack_settled(ring_any_poll, ring_any_push, &value32));
    line("stack.path", stack_settled(ring_any_poll, ring_any_path, &value32));
    line("stack.path.mailbox", stack_settled(mailbox_any_poll, mailbox_any_path, &value32));
    line("stack.path.emission", stack_settled(origin_poll, emission_path, &value32));
    line("ram.ring", sizeof ring_any_cells_);
    line("ram.latest", sizeof latest_any_cells_);
    line("ram.mailbox", sizeof mailbox_any_cells_ + sizeof mailbox_any_takes_);
    line("ram.consumer", sizeof eat_ring_any_reader_);
    line("ram.database", sizeof db_ring_any_state_);
    CHECK(stack_of(count_nothing, NULL) == 0);
    print_masked();
    return 0;
}

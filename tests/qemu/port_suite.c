// SPDX-License-Identifier: Apache-2.0
// What a port to a board without an operating system promises (core/port.h, core/mask.h): a port is
// what passes here. Runs with `--icount 8`: an instruction is 256 ns, a tick 3906 instructions. With
// -DWITHOUT_TICK the board has no periodic interrupt.
#ifdef __arm__
#include <aimdb/cortex-m.h>
#else
#include <aimdb/riscv.h>
#endif

#include "core/mask.h"
#include "core/port.h"

#include "check.h"

#define TICK AIMDB_MS(1)
#define SHORT                                                                                      \
    AIMDB_US(200) // some hundred instructions: longer than any hook, much shorter than a tick

// Delays that the sweeps go through, so that the tick comes before, inside and after what is tested.
enum { SHORTEST_DELAY = 2400, LONGEST_DELAY = 4200 };

static volatile uint32_t ticks, interrupts;
static volatile aimdb_time interrupted_at;
static aimdbi_signal ready;
static size_t enabled; // the state of unmasked interrupts

static void
set_ready(uint32_t value)
{
    *(volatile uint32_t *) &ready.signal_ = value;
}

static void
tick(void)
{
    ticks = ticks + 1;
    set_ready(1);
    aimdbp_wake(&ready);
}

static void
interrupt(void)
{
    interrupted_at = aimdbp_clock();
    size_t state = aimdbp_mask();
    size_t inner = aimdbp_mask();
    aimdbp_unmask(inner);
    aimdbp_unmask(state);
    interrupts = interrupts + 1;
}

// --- delays of an exact number of instructions, plus a fixed one ---------------------------------

#ifdef __riscv
#define LOOP_REGISTER "+r"
#define NOPS(count) __asm__(".rept " count "\n\t.option norvc\n\tnop\n\t.endr\n\tret")
#define FOUR_EACH "1:\n\taddi %0, %0, -1\n\tnop\n\tnop\n\tbnez %0, 1b"
#else
#define LOOP_REGISTER "+l"
#define NOPS(count) __asm__(".rept " count "\n\tnop\n\t.endr\n\tbx lr")
#define FOUR_EACH ".syntax unified\n1:\n\tnop\n\tnop\n\tsubs %0, %0, #1\n\tbne 1b"
#endif

__attribute__((naked, noipa)) static void
no_nop(void)
{
    NOPS("0");
}

__attribute__((naked, noipa)) static void
one_nop(void)
{
    NOPS("1");
}

__attribute__((naked, noipa)) static void
two_nops(void)
{
    NOPS("2");
}

__attribute__((naked, noipa)) static void
three_nops(void)
{
    NOPS("3");
}

static void
delay(uint32_t instructions)
{
    static void (*const nops[])(void) = { no_nop, one_nop, two_nops, three_nops };
    size_t rounds = 1 + instructions / 4;
    __asm__ volatile(FOUR_EACH : LOOP_REGISTER(rounds) : : "cc", "memory");
    nops[instructions % 4]();
}

// --- the critical section ------------------------------------------------------------------------

static void
sections_nest_and_keep_interrupts_out(void)
{
    uint32_t before = interrupts;
    size_t outer = aimdbp_mask();
    board_interrupt();
    size_t inner = aimdbp_mask();
    delay(100);
    CHECK(interrupts == before);
    aimdbp_unmask(inner);
    delay(100);
    CHECK(interrupts == before);
    aimdbp_unmask(outer);
    delay(100);
    CHECK(interrupts == before + 1);
}

static void
a_section_in_a_handler_leaves_interrupts_as_they_were(void)
{
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t before = interrupts;
        board_interrupt();
        delay(100);
        CHECK(interrupts == before + 1);
        size_t state = aimdbp_mask();
        aimdbp_unmask(state);
        CHECK(state == enabled);
    }
}

// --- the clock -----------------------------------------------------------------------------------

// Reads the clock until `end`; returns the last reading.
static aimdb_time
watch_clock(aimdb_time last, aimdb_time end)
{
    while (last < end) {
        aimdb_time now = aimdbp_clock();
        CHECK(now >= last);
        CHECK(now - last < SHORT);
        last = now;
    }
    return last;
}

static void
clock_goes_on_steadily(void)
{
    aimdb_time now = aimdbp_clock();
    uint32_t before = ticks;
    watch_clock(now, now + 100 * TICK);
#ifdef WITHOUT_TICK
    CHECK(ticks == before);
#else
    CHECK(ticks - before == 100 || ticks - before == 101);
#endif
}

static void
clock_goes_on_while_interrupts_are_masked(void)
{
    for (uint32_t i = 0; i < 100; i++) {
        size_t state = aimdbp_mask();
        aimdb_time now = aimdbp_clock();
        now = watch_clock(now, now + TICK * 8 / 10);
        aimdbp_unmask(state);
        watch_clock(now, now + TICK / 10);
        delay(i * 7);
    }
}

// A handler comes first while a tick is pending that no handler has seen yet.
static void
clock_is_right_in_a_handler_that_is_before_the_tick(void)
{
    for (uint32_t i = 0; i < 100; i++) {
        size_t state = aimdbp_mask();
        aimdb_time before = aimdbp_clock();
        delay(LONGEST_DELAY * 3 / 4 + i); // without a look at the clock
        board_interrupt();
        aimdbp_unmask(state);
        delay(100);
        aimdb_time after = aimdbp_clock();
        CHECK(before <= interrupted_at && interrupted_at <= after);
        CHECK(interrupted_at - before > TICK * 3 / 4 - SHORT);
        CHECK(after - interrupted_at < SHORT);
    }
}

#if defined(__riscv) && defined(WITHOUT_TICK)

// 32-bit processors read the timer in halves.
static void
clock_is_right_when_the_low_half_runs_over(void)
{
    volatile uint32_t *mtime = (volatile uint32_t *) 0x0200bff8u;
    for (uint32_t k = 0; k < 400; k++) {
        mtime[1] = 4;
        mtime[0] = UINT32_MAX - 1000; // 100 us: 390 instructions
        aimdb_time first = aimdbp_clock();
        delay(k);
        aimdb_time second = aimdbp_clock();
        aimdb_time third = aimdbp_clock();
        CHECK(second >= first && third >= second);
        CHECK(third - first < 2 * SHORT);
    }
}

#endif

#ifndef WITHOUT_TICK

static void
wait_for_tick(void)
{
    for (uint32_t before = ticks; ticks == before;) {
        set_ready(0);
        aimdbp_idle(&ready, AIMDB_FOREVER);
    }
    set_ready(0);
}

static void
clock_is_right_wherever_the_tick_comes(void)
{
    for (uint32_t masked = 0; masked < 2; masked++) {
        for (uint32_t k = SHORTEST_DELAY; k < LONGEST_DELAY; k++) {
            wait_for_tick();
            size_t state = masked ? aimdbp_mask() : enabled;
            aimdb_time first = aimdbp_clock();
            delay(k);
            aimdb_time second = aimdbp_clock();
            aimdb_time third = aimdbp_clock();
            if (masked) {
                aimdbp_unmask(state);
            }
            aimdb_time last = aimdbp_clock();
            CHECK(second - first >= k * AIMDB_NS(256));
            CHECK(second - first < k * AIMDB_NS(256) + SHORT);
            CHECK(third >= second && third - second < SHORT);
            CHECK(last >= third && last - third < SHORT);
        }
    }
}

static void
clock_goes_on_when_nobody_looks(void)
{
    for (uint32_t i = 0; i < 20; i++) {
        aimdb_time begin = aimdbp_clock();
        delay(LONGEST_DELAY * i);
        aimdb_time took = aimdbp_clock() - begin;
        CHECK(took >= LONGEST_DELAY * i * AIMDB_NS(256));
        CHECK(took < LONGEST_DELAY * i * AIMDB_NS(256) * 12 / 10 + SHORT); // handlers of ticks
    }
}

// To a few instructions: the clock is read at the same distance from both ticks.
static void
clock_and_ticks_agree(void)
{
    wait_for_tick();
    aimdb_time begin = aimdbp_clock();
    uint32_t before = ticks;
    while (ticks - before < 4000) {
        wait_for_tick();
    }
    aimdb_time took = aimdbp_clock() - begin;
    aimdb_time expected = (aimdb_time) (ticks - before) * TICK;
    CHECK(took > expected - AIMDB_US(2) && took < expected + AIMDB_US(2));
}

// --- idling --------------------------------------------------------------------------------------

static void
idle_sleeps_until_an_interrupt_and_its_handler_has_run(void)
{
    for (uint32_t i = 0; i < 20; i++) {
        wait_for_tick();
        uint32_t before = ticks;
        aimdb_time begin = aimdbp_clock();
        aimdbp_idle(&ready, AIMDB_FOREVER);
        CHECK(ticks == before + 1);
        CHECK(aimdbp_clock() - begin > TICK - SHORT);
    }
}

// The tick makes the word ready. A wake that is lost is seen by the tick after it.
static void
idle_loses_no_wake_wherever_it_comes(void)
{
    for (uint32_t k = SHORTEST_DELAY; k < LONGEST_DELAY; k++) {
        wait_for_tick();
        uint32_t before = ticks;
        delay(k);
        aimdbp_idle(&ready, AIMDB_FOREVER);
        CHECK(signal_load_acquire(&ready) == 1);
        CHECK(ticks == before + 1);
    }
}

#endif

static void
idle_returns_at_once_when_there_is_something_to_do(void)
{
    for (uint32_t i = 0; i < 20; i++) {
        set_ready(2);
        aimdb_time begin = aimdbp_clock();
        aimdbp_idle(&ready, AIMDB_FOREVER);
        CHECK(aimdbp_clock() - begin < SHORT);
        set_ready(0);
        begin = aimdbp_clock();
        aimdbp_idle(&ready, begin);
        aimdbp_idle(&ready, 0);
        aimdbp_idle(&ready, INT64_MIN);
        CHECK(aimdbp_clock() - begin < SHORT);
        size_t state = aimdbp_mask();
        aimdbp_unmask(state);
        CHECK(state == enabled);
    }
}

static void
idle_sees_the_deadline(void)
{
    for (aimdb_time span = AIMDB_US(1); span < AIMDB_SEC(4); span = span * 5 / 2) {
        aimdb_time deadline = aimdbp_clock() + span;
        uint32_t returns = 0, before = ticks;
        while (aimdbp_clock() < deadline) {
            set_ready(0);
            aimdbp_idle(&ready, deadline);
            returns++;
        }
#ifdef WITHOUT_TICK
        (void) before;
        CHECK(aimdbp_clock() - deadline < SHORT);
        CHECK(returns <= 2);
#else
        CHECK(aimdbp_clock() - deadline < TICK + SHORT);
        CHECK(returns <= ticks - before + 1);
#endif
    }
}

#ifdef __arm__

static void
clock_goes_on_when_it_is_started_again(void)
{
    CHECK(aimdb_cortexm_start(0, 1000) == AIMDB_EINVAL);
    CHECK(aimdb_cortexm_start(BOARD_CLOCK_HZ, 0) == AIMDB_EINVAL);
    CHECK(aimdb_cortexm_start(BOARD_CLOCK_HZ, BOARD_CLOCK_HZ) == AIMDB_EINVAL);
    CHECK(aimdb_cortexm_start((1u << 24) + 1, 1) == AIMDB_EINVAL);
    aimdb_time before = aimdbp_clock();
    for (uint32_t i = 0; i < 100; i++) {
        delay(i);
        CHECK(aimdb_cortexm_start(BOARD_CLOCK_HZ, 999) == AIMDB_OK); // with a rest
        aimdb_time now = aimdbp_clock();
        CHECK(now > before && now - before < TICK);
        before = now;
    }
    watch_clock(before, before + 100 * TICK);
    board_start(tick);
}

#else

static void
a_timer_is_asked_for(void)
{
    const aimdb_riscv_options none = { .hz = 1000 };
    const aimdb_riscv_options still = { .mtime = (volatile uint64_t *) 0x0200bff8u };
    CHECK(aimdb_riscv_start(NULL) == AIMDB_EINVAL);
    CHECK(aimdb_riscv_start(&none) == AIMDB_EINVAL);
    CHECK(aimdb_riscv_start(&still) == AIMDB_EINVAL);
}

#endif

static void
a_wake_may_come_from_anywhere(void)
{
    aimdbp_wake(&ready);
    size_t state = aimdbp_mask();
    aimdbp_wake(&ready);
    aimdbp_unmask(state);
    set_ready(0);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(sections_nest_and_keep_interrupts_out),
    TEST(a_section_in_a_handler_leaves_interrupts_as_they_were),
    TEST(clock_goes_on_steadily),
    TEST(clock_goes_on_while_interrupts_are_masked),
    TEST(clock_is_right_in_a_handler_that_is_before_the_tick),
    TEST(idle_returns_at_once_when_there_is_something_to_do),
    TEST(idle_sees_the_deadline),
    TEST(a_wake_may_come_from_anywhere),
#ifdef __arm__
    TEST(clock_goes_on_when_it_is_started_again),
#else
    TEST(a_timer_is_asked_for),
#endif
#if defined(__riscv) && defined(WITHOUT_TICK)
    TEST(clock_is_right_when_the_low_half_runs_over),
#endif
#ifndef WITHOUT_TICK
    TEST(clock_is_right_wherever_the_tick_comes),
    TEST(clock_goes_on_when_nobody_looks),
    TEST(clock_and_ticks_agree),
    TEST(idle_sleeps_until_an_interrupt_and_its_handler_has_run),
    TEST(idle_loses_no_wake_wherever_it_comes),
#endif
};

int
main(void)
{
    enabled = aimdbp_mask();
    aimdbp_unmask(enabled);
    CHECK(aimdbp_clock() == 0); // and does not fault
    board_on_interrupt(interrupt);
#ifdef WITHOUT_TICK
    (void) tick;
    board_start(NULL);
#else
    board_start(tick);
#endif
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        board_print(tests[i].name);
        board_print("\n");
        tests[i].run();
    }
    print_number("stack: ", (int64_t) board_stack_used());
    board_print("\n");
    return 0;
}

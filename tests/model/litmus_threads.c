// SPDX-License-Identifier: Apache-2.0
// Litmus tests of what is not memory: sleeping, spinning, queues.
#include "litmus.h"

static void
sleeper(int self)
{
    if (self == 0) {
        uint32_t ticket = signal_load_acquire(&s->signal);
        if (load_acquire(&s->x) == 0) {
            aimdbp_wait(&s->signal, ticket, AIMDB_FOREVER);
        }
    } else {
        store_release(&s->x, 1);
        (void) signal_add_release(&s->signal, 1);
        aimdbp_wake_all(&s->signal);
    }
}

static void
sleeper_without_ticket(int self)
{
    if (self == 0) {
        if (load_acquire(&s->x) == 0) {
            aimdbp_wait(&s->signal, signal_load_acquire(&s->signal), AIMDB_FOREVER);
        }
    } else {
        store_release(&s->x, 1);
        (void) signal_add_release(&s->signal, 1);
        aimdbp_wake_all(&s->signal);
    }
}

static bool
sleeps_for_ever(void)
{
    return model_is_waiting(0);
}

// Two wait for the first change of the signal, which wakes one of them.
static void
two_sleepers(int self)
{
    if (self < 2) {
        aimdbp_wait(&s->signal, 0, AIMDB_FOREVER);
    } else {
        (void) signal_add_release(&s->signal, 1);
        aimdbp_wake_one(&s->signal);
    }
}

static bool
both_sleep_for_ever(void)
{
    return model_is_waiting(0) && model_is_waiting(1);
}

static bool
first_sleeps_for_ever(void)
{
    return model_is_waiting(0) && !model_is_waiting(1);
}

static bool
second_sleeps_for_ever(void)
{
    return !model_is_waiting(0) && model_is_waiting(1);
}

static void
lock_then(int self, bool (*lock)(void))
{
    for (unsigned spins = 0; !lock(); spins++) {
        aimdbp_relax(spins);
    }
    s->got[self] = s->got[2]++;
    store_release(&s->x, 0);
}

static bool
lock_x(void)
{
    return exchange_acquire(&s->x, 1) == 0;
}

static void
spin_lock(int self)
{
    lock_then(self, lock_x);
}

static bool
got_same(void)
{
    return s->got[0] == s->got[1] || s->got[2] != 2;
}

static void
taken_once(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        model_put(&s->y, 5);
        model_put(&s->y, 6);
        break;
    default:
        s->got[self] = model_take(&s->y);
        s->got[2 + self] = load_relaxed(&s->x);
        break;
    }
}

static bool
taken_wrong(void)
{
    return s->got[1] == s->got[2] || s->got[3] != 1 || s->got[4] != 1;
}

static bool
taken_in_order(void)
{
    return s->got[1] == 5 && s->got[2] == 6;
}

static bool
taken_out_of_order(void)
{
    return s->got[1] == 6 && s->got[2] == 5;
}

static void
taken_blindly(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        model_put(&s->y, 5);
    } else {
        s->got[0] = model_take_blindly(&s->y);
        s->got[1] = load_relaxed(&s->x);
    }
}

static bool
nothing_was_learnt(void)
{
    return s->got[0] == 5 && s->got[1] == 0;
}

const struct litmus litmus_of_threads[] = {
    { "sleep-with-ticket", 2, false, false, sleeper, sleeps_for_ever },
    { "sleep-without-ticket", 2, true, false, sleeper_without_ticket, sleeps_for_ever },
    { "wake-one", 3, false, false, two_sleepers, both_sleep_for_ever },
    { "wake-one-second", 3, true, false, two_sleepers, first_sleeps_for_ever },
    { "wake-one-first", 3, true, false, two_sleepers, second_sleeps_for_ever },
    { "spin-lock", 2, false, false, spin_lock, got_same },
    { "queue", 3, false, false, taken_once, taken_wrong },
    { "queue-order", 3, true, false, taken_once, taken_in_order },
    { "queue-order-2", 3, true, false, taken_once, taken_out_of_order },
    { "queue-blind", 2, true, false, taken_blindly, nothing_was_learnt },
    { 0 },
};

// SPDX-License-Identifier: Apache-2.0
// The explorer's own tests: small programs whose outcomes are known. Each names an outcome and says
// whether it may happen; it must be found, or not be found, in all executions.
#include <string.h>

#include "litmus.h"
#include "suite.h"

struct litmus_shared *s;

static bool was_seen;

static void
set_up(const void *what)
{
    (void) what;
    s = model_alloc(sizeof *s);
    memset(s, 0, sizeof *s);
    model_name(&s->x, "", "x");
    model_name(&s->y, "", "y");
    model_name(&s->z, "", "z");
    model_name(&s->signal, "", "signal");
}

static void
run_thread(const void *what, int self)
{
    ((const struct litmus *) what)->thread(self);
}

static void
look(const void *what)
{
    was_seen = was_seen || ((const struct litmus *) what)->outcome();
}

// --- store buffering -----------------------------------------------------------------------------

static bool
both_zero(void)
{
    return s->got[0] == 0 && s->got[1] == 0;
}

// Each thread stores its word, does something of its own, and loads the other's.
static void
sb_with(int self, void (*first)(void), void (*second)(void))
{
    store_relaxed(self ? &s->y : &s->x, 1);
    (self ? second : first)();
    s->got[self] = load_relaxed(self ? &s->x : &s->y);
}

static void
rmw_z(void)
{
    (void) fetch_or_acq_rel(&s->z, 1);
}

static void
sb(int self)
{
    sb_with(self, fence_compiler, fence_compiler);
}

static void
sb_release_acquire(int self)
{
    store_release(self ? &s->y : &s->x, 1);
    s->got[self] = load_acquire(self ? &s->x : &s->y);
}

static void
sb_fences(int self)
{
    sb_with(self, fence_seq_cst, fence_seq_cst);
}

static void
sb_one_fence(int self)
{
    sb_with(self, fence_seq_cst, fence_compiler);
}

static void
sb_rmw_instead_of_fence(int self)
{
    sb_with(self, rmw_z, fence_seq_cst);
}

static void
sb_rmws_on_one_word(int self)
{
    sb_with(self, rmw_z, rmw_z);
}

static void
sb_heavy(int self)
{
    sb_with(self, fence_compiler, aimdbp_fence_heavy);
}

// A heavy fence may come between two stores: the first is seen, the second is not.
static void
heavy_between(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_relaxed(&s->y, 1);
        s->got[0] = load_relaxed(&s->z);
    } else {
        store_relaxed(&s->z, 1);
        aimdbp_fence_heavy();
        s->got[1] = load_relaxed(&s->y);
        s->got[2] = load_relaxed(&s->x);
    }
}

static bool
is_first_only(void)
{
    return s->got[2] == 1 && s->got[1] == 0;
}

static bool
is_second_only(void)
{
    return s->got[2] == 0 && s->got[1] == 1;
}

// After the heavy fence between them, both see: the fence must not be lost on the other's stores.
static bool
is_missed(void)
{
    return s->got[0] == 0 && s->got[1] == 0;
}

// Heavy fence against a reader of the undercut store: what the fence taught travels with it.
static void
heavy_taught(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
        break;
    case 1:
        store_relaxed(&s->z, 1);
        aimdbp_fence_heavy();
        s->got[0] = load_relaxed(&s->y);
        break;
    default:
        s->got[1] = load_acquire(&s->y);
        s->got[2] = load_relaxed(&s->z);
        break;
    }
}

static bool
is_untaught(void)
{
    return s->got[0] == 0 && s->got[1] == 1 && s->got[2] == 0;
}

// --- message passing -----------------------------------------------------------------------------

static bool
is_stale(void)
{
    return s->got[0] == 1 && s->got[1] == 0;
}

static void
mp(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_relaxed(&s->y, 1);
    } else {
        s->got[0] = load_relaxed(&s->y);
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_release_acquire(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
    } else {
        s->got[0] = load_acquire(&s->y);
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_release_only(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
    } else {
        s->got[0] = load_relaxed(&s->y);
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_acquire_only(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_relaxed(&s->y, 1);
    } else {
        s->got[0] = load_acquire(&s->y);
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_fences(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        fence_release();
        store_relaxed(&s->y, 1);
    } else {
        s->got[0] = load_relaxed(&s->y);
        fence_acquire();
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_fence_misplaced(int self)
{
    if (self == 0) {
        fence_release();
        store_relaxed(&s->x, 1);
        store_relaxed(&s->y, 1);
    } else {
        s->got[0] = load_relaxed(&s->y);
        fence_acquire();
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_through_rmw(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
        break;
    case 1:
        (void) fetch_add_relaxed(&s->y, 1); // goes on with the release sequence
        break;
    default:
        s->got[0] = load_acquire(&s->y) == 2;
        s->got[1] = load_relaxed(&s->x);
        break;
    }
}

static void
mp_through_rmws(int self)
{
    size_t was = 1;
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
        break;
    case 1:
        (void) cas_relaxed(&s->y, &was, 2);
        was = 2;
        (void) cas_relaxed(&s->y, &was, 3);
        break;
    default:
        s->got[0] = load_acquire(&s->y) == 3;
        s->got[1] = load_relaxed(&s->x);
        break;
    }
}

static void
mp_through_store(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_release(&s->y, 2);
        store_relaxed(&s->y, 1); // ends the release sequence
    } else {
        s->got[0] = load_acquire(&s->y);
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_chain(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
        break;
    case 1:
        if (load_acquire(&s->y) == 1) {
            store_release(&s->z, 1);
        }
        break;
    default:
        s->got[0] = load_acquire(&s->z);
        s->got[1] = load_relaxed(&s->x);
        break;
    }
}

static void
mp_chain_relaxed(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
        break;
    case 1:
        if (load_relaxed(&s->y) == 1) {
            store_release(&s->z, 1);
        }
        break;
    default:
        s->got[0] = load_acquire(&s->z);
        s->got[1] = load_relaxed(&s->x);
        break;
    }
}

static void
mp_failed_cas(int self)
{
    size_t was = 7;
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
    } else {
        (void) cas_acq_rel(&s->y, &was, 8); // fails, and acquires
        s->got[0] = was;
        s->got[1] = load_relaxed(&s->x);
    }
}

static void
mp_failed_cas_relaxed(int self)
{
    size_t was = 7;
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_release(&s->y, 1);
    } else {
        (void) cas_release(&s->y, &was, 8);
        s->got[0] = was;
        s->got[1] = load_relaxed(&s->x);
    }
}

// --- one word ------------------------------------------------------------------------------------

static void
corr(int self)
{
    if (self == 0) {
        store_relaxed(&s->x, 1);
        store_relaxed(&s->x, 2);
    } else {
        s->got[0] = load_relaxed(&s->x);
        s->got[1] = load_relaxed(&s->x);
    }
}

static bool
goes_back(void)
{
    return s->got[0] > s->got[1];
}

static void
corr_of_two_writers(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        break;
    case 1:
        store_relaxed(&s->x, 2);
        break;
    default:
        s->got[2 * (self - 2)] = load_relaxed(&s->x);
        s->got[2 * (self - 2) + 1] = load_relaxed(&s->x);
        break;
    }
}

static bool
readers_disagree(void)
{
    return s->got[0] == 1 && s->got[1] == 2 && s->got[2] == 2 && s->got[3] == 1;
}

static void
cowr(int self)
{
    store_relaxed(&s->x, (size_t) self + 1);
    if (self == 0) {
        s->got[0] = load_relaxed(&s->x);
    }
}

static bool
is_initial(void)
{
    return s->got[0] == 0;
}

// Both stores of each thread land before the other's first: not in one order of execution.
static void
two_plus_two(int self)
{
    store_relaxed(self ? &s->y : &s->x, 1);
    store_relaxed(self ? &s->x : &s->y, 2);
}

static void
two_plus_two_fences(int self)
{
    store_relaxed(self ? &s->y : &s->x, 1);
    fence_seq_cst();
    store_relaxed(self ? &s->x : &s->y, 2);
}

static bool
both_first_stores_last(void)
{
    return load_relaxed(&s->x) == 1 && load_relaxed(&s->y) == 1;
}

static void
two_increments(int self)
{
    s->got[self] = fetch_add_relaxed(&s->x, 1);
}

static bool
same_ticket(void)
{
    return s->got[0] == s->got[1];
}

static void
increments_and_store(int self)
{
    if (self < 2) {
        s->got[self] = fetch_add_relaxed(&s->x, 1);
    } else {
        store_relaxed(&s->x, 10);
    }
}

// The store falls between an increment and what it read: never.
static bool
store_splits_increment(void)
{
    return s->got[0] == 0 && s->got[1] == 0;
}

static bool
increments_around_store(void)
{
    return s->got[0] == 0 && s->got[1] == 10 && load_relaxed(&s->x) == 11;
}

static void
two_claims(int self)
{
    size_t was = 0;
    s->got[self] = cas_relaxed(&s->x, &was, (size_t) self + 1);
}

static bool
both_claimed(void)
{
    return s->got[0] == 1 && s->got[1] == 1;
}

static bool
none_claimed(void)
{
    return s->got[0] == 0 && s->got[1] == 0;
}

// --- four threads --------------------------------------------------------------------------------

static void
iriw_with(int self, void (*fence)(void))
{
    switch (self) {
    case 0:
        store_release(&s->x, 1);
        break;
    case 1:
        store_release(&s->y, 1);
        break;
    case 2:
        s->got[0] = load_acquire(&s->x);
        fence();
        s->got[1] = load_acquire(&s->y);
        break;
    default:
        s->got[2] = load_acquire(&s->y);
        fence();
        s->got[3] = load_acquire(&s->x);
        break;
    }
}

static void
iriw(int self)
{
    iriw_with(self, fence_compiler);
}

static void
iriw_fences(int self)
{
    iriw_with(self, fence_seq_cst);
}

static bool
orders_differ(void)
{
    return s->got[0] == 1 && s->got[1] == 0 && s->got[2] == 1 && s->got[3] == 0;
}

static void
wrc(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        break;
    case 1:
        if (load_relaxed(&s->x) == 1) {
            store_release(&s->y, 1);
        }
        break;
    default:
        s->got[0] = load_acquire(&s->y);
        s->got[1] = load_relaxed(&s->x);
        break;
    }
}

static void
wrc_relaxed(int self)
{
    switch (self) {
    case 0:
        store_relaxed(&s->x, 1);
        break;
    case 1:
        if (load_acquire(&s->x) == 1) {
            store_relaxed(&s->y, 1);
        }
        break;
    default:
        s->got[0] = load_acquire(&s->y);
        s->got[1] = load_relaxed(&s->x);
        break;
    }
}

// Not covered, by design: a load sees a store that comes later in its own causes.
static void
lb(int self)
{
    s->got[self] = load_relaxed(self ? &s->y : &s->x);
    store_relaxed(self ? &s->x : &s->y, 1);
}

static bool
both_one(void)
{
    return s->got[0] == 1 && s->got[1] == 1;
}

static const struct litmus litmuses[] = {
    { "SB", 2, true, false, sb, both_zero },
    { "SB+rel+acq", 2, true, false, sb_release_acquire, both_zero },
    { "SB+fences", 2, false, false, sb_fences, both_zero },
    { "SB+one-fence", 2, true, false, sb_one_fence, both_zero },
    { "SB+rmw-and-fence", 2, true, false, sb_rmw_instead_of_fence, both_zero },
    { "SB+rmws-on-one-word", 2, false, false, sb_rmws_on_one_word, both_zero },
    { "SB+light-and-heavy", 2, false, true, sb_heavy, both_zero },
    { "SB+light-and-light", 2, true, true, sb, both_zero },
    { "heavy-between-stores", 2, true, true, heavy_between, is_first_only },
    { "heavy-between-stores-2", 2, true, true, heavy_between, is_second_only },
    { "heavy-seen-by-none", 2, false, true, heavy_between, is_missed },
    { "heavy-taught", 3, false, true, heavy_taught, is_untaught },
    { "MP", 2, true, false, mp, is_stale },
    { "MP+rel+acq", 2, false, false, mp_release_acquire, is_stale },
    { "MP+rel", 2, true, false, mp_release_only, is_stale },
    { "MP+acq", 2, true, false, mp_acquire_only, is_stale },
    { "MP+fences", 2, false, false, mp_fences, is_stale },
    { "MP+fence-misplaced", 2, true, false, mp_fence_misplaced, is_stale },
    { "MP+release-sequence", 3, false, false, mp_through_rmw, is_stale },
    { "MP+release-sequence-2", 3, false, false, mp_through_rmws, is_stale },
    { "MP+store-ends-sequence", 2, true, false, mp_through_store, is_stale },
    { "MP+chain", 3, false, false, mp_chain, is_stale },
    { "MP+chain-relaxed", 3, true, false, mp_chain_relaxed, is_stale },
    { "MP+failed-cas", 2, false, false, mp_failed_cas, is_stale },
    { "MP+failed-cas-relaxed", 2, true, false, mp_failed_cas_relaxed, is_stale },
    { "CoRR", 2, false, false, corr, goes_back },
    { "CoRR-two-writers", 4, false, false, corr_of_two_writers, readers_disagree },
    { "CoWR", 2, false, false, cowr, is_initial },
    { "2+2W", 2, true, false, two_plus_two, both_first_stores_last },
    { "2+2W+fences", 2, false, false, two_plus_two_fences, both_first_stores_last },
    { "RMW+RMW", 2, false, false, two_increments, same_ticket },
    { "RMW+RMW+W", 3, false, false, increments_and_store, store_splits_increment },
    { "RMW+W+RMW", 3, true, false, increments_and_store, increments_around_store },
    { "CAS+CAS", 2, false, false, two_claims, both_claimed },
    { "CAS+CAS-none", 2, false, false, two_claims, none_claimed },
    { "IRIW+rel+acq", 4, true, false, iriw, orders_differ },
    { "IRIW+fences", 4, false, false, iriw_fences, orders_differ },
    { "WRC", 3, false, false, wrc, is_stale },
    { "WRC+relaxed", 3, true, false, wrc_relaxed, is_stale },
    { "LB (not covered)", 2, false, false, lb, both_one },
};

static bool
run_one(const struct litmus *litmus)
{
    struct model_case explored = { .name = litmus->name,
                                   .setup = set_up,
                                   .thread = run_thread,
                                   .check = look,
                                   .what = litmus,
                                   .threads = litmus->threads,
                                   .asymmetric = litmus->asymmetric };
    struct model_result result;
    was_seen = false;
    model_explore(&explored, false, &result);
    bool right = !result.failed && was_seen == litmus->allowed;
    (void) printf("%s %-26s %s, %s; %llu executions, %llu cut\n", right ? "ok  " : "FAIL",
                  litmus->name, litmus->allowed ? "allowed" : "forbidden",
                  result.failed ? result.why
                  : was_seen    ? "seen"
                                : "not seen",
                  (unsigned long long) result.executions, (unsigned long long) result.pruned);
    return right;
}

size_t
suite_litmus(void)
{
    size_t wrong = 0;
    size_t all = sizeof litmuses / sizeof litmuses[0];
    for (size_t i = 0; i < all; i++) {
        wrong += !run_one(&litmuses[i]);
    }
    for (const struct litmus *litmus = litmus_of_threads; litmus->name; litmus++, all++) {
        wrong += !run_one(litmus);
    }
    (void) printf("%zu litmus tests, %zu wrong\n", all, wrong);
    return wrong;
}

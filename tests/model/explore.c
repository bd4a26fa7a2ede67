// SPDX-License-Identifier: Apache-2.0
// Every execution of a few threads, one after another.
//
// Threads are fibers. Each runs until its next step that has more than one outcome or whose order
// against other threads matters: a load, a read-modify-write, a sequentially consistent fence, a
// sleep or a wake. There it announces the step; here it is decided who goes on, and with which of the
// messages that it may read. The decisions are a stack: an execution replays it from the beginning
// and goes on with the first choice wherever there is none yet; then the last decision that has
// another way left takes it.
//
// What would only explore the same again is left out (sleep sets). A load's outcomes grow when others
// store, but those that it had stay as they were: loading before or after a store makes a difference
// only for the load that sees the store. So once all messages of a load were explored it sleeps, in
// what is explored next, until there is a new message, and then it takes only that. Fences depend on
// each other, waits on wakes; nothing else depends on anything. The number of executions is near that
// of the graphs of who reads from whom.
//
// A thread in a spin loop (aimdbp_relax) waits until all others are stuck, then sees everything: if
// all only spin even so, that is a failure. Passes through such a loop only read, so an execution
// with more passes ends like one that began the loop later; where a pass also writes (pinning in
// latest.c), the case grants some passes (`loops`). A sleep with a deadline (model_wait_a_while) ends
// with a wake, or likewise when all others are stuck.
//
// A case may begin with threads that sleep already (`asleep`): they run first, one after another, each
// load seeing the newest, until all of them are stuck; then everybody sees everything, and from there
// on all is explored. What they could have met on their way to sleep is then for other cases.
//
// Limits: a fixed number of threads, steps and values; no timeouts but those; no spurious wakes; the
// limits of memory.c. A case that is complete says so by ending: nothing here cuts an exploration short,
// unless the case does (model_cut).
//
// Source: Godefroid, Partial-Order Methods for the Verification of Concurrent Systems, 1996 (sleep
// sets); Kokologiannakis, Raad, Vafeiadis, Model Checking for Weakly Consistent Libraries, PLDI 2019.
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define STACK_BYTES 65536
#define DECISIONS 4096
#define STEPS 3000 // of an execution; a program that needs more does not end
#define ARENA_BYTES 65536
#define NAMES 256

enum outcome { RUNS, COMPLETE, PRUNED, FAILED, RESTART };

// A decision: which thread goes on with which message, or (a choice) which of `ways`.
struct decision {
    bool is_choice;
    int thread;
    int way;
    int ways;
    uint64_t pick;
    uint64_t can[MODEL_THREADS];  // at this point
    uint64_t done[MODEL_THREADS]; // explored here, or somewhere that is the same
};

struct name {
    const void *at;
    char text[40];
};

struct thread model_threads[MODEL_THREADS];
int model_self = -1;
const struct model_case *model_running;
bool model_is_tracing;

static struct decision decisions[DECISIONS];
static int decided; // in the stack
static int replayed;
static uint64_t asleep[MODEL_THREADS];
static enum outcome outcome;
static char why[256];
static int steps;
static int prologue; // so many threads are still run until they sleep
static bool is_setting_up;
static size_t settled_at; // messages made at the last settling
static void *main_pointer;
static _Alignas(64) unsigned char stacks[MODEL_THREADS + 1][STACK_BYTES];
static _Alignas(4096) unsigned char arena[ARENA_BYTES];
static unsigned char arena_at_start[ARENA_BYTES];
static size_t arena_used;
static struct name names[NAMES];
static int name_count;

unsigned model_overtaken_limit;

// --- fibers --------------------------------------------------------------------------------------

// Saves the callee-saved registers on this stack, its pointer in *save, and goes on where `to` was
// saved. glibc's swapcontext makes two system calls, which would be most of the time.
void
model_switch(void **save, void *to);

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl model_switch\n"
        ".type model_switch, @function\n"
        "model_switch:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size model_switch, . - model_switch\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");
#define FRAME_WORDS 7 // the last one is where to go
#define PAD_WORDS 1   // as after a call
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl model_switch\n"
        ".type model_switch, %function\n"
        "model_switch:\n"
        "    sub sp, sp, #176\n"
        "    stp x19, x20, [sp, #0]\n"
        "    stp x21, x22, [sp, #16]\n"
        "    stp x23, x24, [sp, #32]\n"
        "    stp x25, x26, [sp, #48]\n"
        "    stp x27, x28, [sp, #64]\n"
        "    stp d8, d9, [sp, #80]\n"
        "    stp d10, d11, [sp, #96]\n"
        "    stp d12, d13, [sp, #112]\n"
        "    stp d14, d15, [sp, #128]\n"
        "    stp x29, x30, [sp, #160]\n"
        "    mov x9, sp\n"
        "    str x9, [x0]\n"
        "    mov sp, x1\n"
        "    ldp x19, x20, [sp, #0]\n"
        "    ldp x21, x22, [sp, #16]\n"
        "    ldp x23, x24, [sp, #32]\n"
        "    ldp x25, x26, [sp, #48]\n"
        "    ldp x27, x28, [sp, #64]\n"
        "    ldp d8, d9, [sp, #80]\n"
        "    ldp d10, d11, [sp, #96]\n"
        "    ldp d12, d13, [sp, #112]\n"
        "    ldp d14, d15, [sp, #128]\n"
        "    ldp x29, x30, [sp, #160]\n"
        "    add sp, sp, #176\n"
        "    ret\n"
        ".size model_switch, . - model_switch\n");
#define FRAME_WORDS 22
#define PAD_WORDS 0
#else
#error "tests/model: no fiber switch for this processor"
#endif

static _Noreturn void
leave(enum outcome how)
{
    void *nowhere;
    outcome = how;
    model_self = -1;
    model_switch(&nowhere, main_pointer);
    abort();
}

static void
go_on(void);

static void
thread_main(void)
{
    model_running->thread(model_running->what, model_self);
    model_threads[model_self].op = (struct op){ .kind = OP_ENDED };
    model_note("ends");
    go_on();
    abort();
}

static void
check_main(void)
{
    model_self = -1;
    model_running->check(model_running->what);
    leave(COMPLETE);
}

// Returns a stack pointer that model_switch can go to.
static void *
make_fiber(int stack, void (*start)(void))
{
    uintptr_t *pointer = (uintptr_t *) (void *) (stacks[stack] + STACK_BYTES);
    pointer -= FRAME_WORDS + PAD_WORDS;
    memset(pointer, 0, (FRAME_WORDS + PAD_WORDS) * sizeof *pointer);
    pointer[FRAME_WORDS - 1] = (uintptr_t) start;
    return pointer;
}

// --- decisions -----------------------------------------------------------------------------------

static struct decision *
new_decision(void)
{
    if (decided == DECISIONS) {
        model_fail("more than %d decisions in one execution", DECISIONS);
    }
    struct decision *decision = &decisions[decided++];
    *decision = (struct decision){ 0 };
    return decision;
}

int
model_choose(int count)
{
    if (prologue > 0) {
        return 0;
    }
    if (replayed == decided) {
        struct decision *decision = new_decision();
        decision->is_choice = true;
        decision->ways = count;
    }
    return decisions[replayed++].way;
}

static uint64_t
newest_way(uint64_t ways)
{
    return (uint64_t) 1 << (63 - __builtin_clzll(ways));
}

// Takes the first way that is left, of the thread that went on last if it has one. Returns false if
// there is none.
static bool
take_way(struct decision *decision, int first)
{
    for (int i = 0; i < model_running->threads; i++) {
        int t = (first + i) % model_running->threads;
        uint64_t left = decision->can[t] & ~decision->done[t];
        if (left) {
            decision->thread = t;
            decision->pick = newest_way(left);
            return true;
        }
    }
    return false;
}

static bool
take_next_way(struct decision *decision)
{
    if (decision->is_choice) {
        return ++decision->way < decision->ways;
    }
    decision->done[decision->thread] |= decision->pick;
    return take_way(decision, decision->thread);
}

// All are stuck but those that spin, or doze: they go on, and see everything.
static bool
let_spinners_go(void)
{
    bool any = false;
    for (int t = 0; t < model_running->threads; t++) {
        if (model_threads[t].op.kind == OP_SPINS || model_threads[t].op.kind == OP_DOZES) {
            model_threads[t].op.kind = OP_NONE;
            any = true;
        }
        asleep[t] = 0;
    }
    if (any && settled_at == model_messages_made()) {
        model_fail("threads spin, and nothing will end it");
    }
    settled_at = model_messages_made();
    model_memory_settle();
    return any;
}

static int
thread_without_choice(void)
{
    for (int t = 0; t < (prologue > 0 ? prologue : model_running->threads); t++) {
        if (model_threads[t].op.kind == OP_NONE) {
            return t;
        }
    }
    return -1;
}

// True if the thread could be the next one.
static bool
can_go_on(int thread)
{
    switch (model_threads[thread].op.kind) {
    case OP_ASLEEP:
    case OP_DOZES:
    case OP_SPINS:
    case OP_ENDED:
        return false;
    case OP_TAKE:
        return model_candidates(thread) != 0;
    default:
        return true;
    }
}

static struct decision *
replay_decision(void)
{
    struct decision *decision = &decisions[replayed++];
    if (decision->is_choice || !(model_candidates(decision->thread) & decision->pick)) {
        model_fail("the model is wrong: a replay went another way");
    }
    return decision;
}

// The next decision; NULL if all threads are stuck.
static struct decision *
decide(int last)
{
    bool any = false;
    for (int t = 0; t < model_running->threads; t++) {
        any = any || can_go_on(t);
    }
    if (!any) {
        return NULL;
    }
    if (replayed < decided) {
        return replay_decision();
    }
    struct decision *decision = new_decision();
    for (int t = 0; t < model_running->threads; t++) {
        decision->can[t] = model_candidates(t);
        decision->done[t] = asleep[t];
    }
    if (!take_way(decision, last)) {
        decided--;
        leave(PRUNED);
    }
    replayed++;
    return decision;
}

// The thread that is run until it sleeps, if there still is one; -1 once all of them do.
static int
next_of_prologue(void)
{
    for (int t = 0; t < prologue; t++) {
        if (can_go_on(t)) {
            model_threads[t].pick = newest_way(model_candidates(t));
            return t;
        }
    }
    if (prologue > 0) {
        prologue = 0;
        model_memory_settle();
        model_note("and from here on everything is explored");
    }
    return -1;
}

// Chooses who runs next.
static int
next_thread(void)
{
    int last = model_self;
    for (;;) {
        int ready = thread_without_choice();
        if (ready < 0 && prologue > 0) {
            ready = next_of_prologue();
            if (ready < 0) {
                continue;
            }
        }
        if (ready >= 0) {
            return ready;
        }
        const struct decision *decision = decide(last);
        if (!decision) {
            if (let_spinners_go()) {
                continue;
            }
            leave(COMPLETE);
        }
        int t = decision->thread;
        model_threads[t].pick = decision->pick;
        for (int u = 0; u < model_running->threads; u++) {
            asleep[u] = u == t || model_depends(u, t) ? 0 : decision->done[u];
        }
        return t;
    }
}

static void
go_on(void)
{
    int from = model_self;
    int to = next_thread();
    model_self = to;
    if (from != to) {
        model_switch(&model_threads[from].stack_pointer, model_threads[to].stack_pointer);
    }
}

void
model_step(enum op_kind kind, int place, size_t expected, int target)
{
    struct thread *self = &model_threads[model_self];
    if (++steps > STEPS) {
        model_fail("does not end: more than %d steps", STEPS);
    }
    self->op = (struct op){ kind, place, target, expected };
    go_on();
    self->op.kind = OP_NONE;
    self->trail_count = 0;
}

// The n-th thread that sleeps at the place, from 0; NULL if there are not so many.
static struct op *
sleeper(int place, int n)
{
    for (int t = 0; t < model_running->threads; t++) {
        struct op *op = &model_threads[t].op;
        bool sleeps = op->kind == OP_ASLEEP || op->kind == OP_DOZES;
        if (sleeps && op->place == place && n-- == 0) {
            return op;
        }
    }
    return NULL;
}

void
model_wake_all(int place)
{
    for (struct op *op = sleeper(place, 0); op; op = sleeper(place, 0)) {
        op->kind = OP_NONE;
    }
}

void
model_wake_one(int place)
{
    int count = 0;
    while (sleeper(place, count)) {
        count++;
    }
    if (count > 0) {
        sleeper(place, count > 1 ? model_choose(count) : 0)->kind = OP_NONE;
    }
}

void
aimdbp_relax(unsigned spins)
{
    (void) spins;
    if (model_self < 0) {
        return;
    }
    if (model_running->never_spins >> model_self & 1) {
        model_fail("thread %d spins", model_self);
    }
    struct thread *self = &model_threads[model_self];
    if (self->relaxes++ < model_running->loops) {
        return;
    }
    model_note("spins");
    model_step(OP_SPINS, -1, 0, 0);
}

bool
model_is_waiting(int thread)
{
    return model_threads[thread].op.kind != OP_ENDED;
}

// --- failures and traces -------------------------------------------------------------------------

_Noreturn void
model_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!main_pointer) {
        (void) fprintf(stderr, "model: %s\n", why);
        abort();
    }
    leave(FAILED);
}

_Noreturn void
model_cut(void)
{
    leave(PRUNED);
}

_Noreturn void
model_restart(void)
{
    leave(RESTART);
}

void
model_note(const char *format, ...)
{
    if (!model_is_tracing) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void) printf(model_self < 0 ? "    check     " : "    thread %d  ", model_self);
    (void) vprintf(format, arguments);
    (void) putchar('\n');
    va_end(arguments);
}

void
model_name(const void *at, const char *prefix, const char *name)
{
    if (name_count < NAMES) {
        names[name_count].at = at;
        (void) snprintf(names[name_count].text, sizeof names[name_count].text, "%s%s", prefix,
                        name);
        name_count++;
    }
}

const char *
model_name_of(const void *at)
{
    static char text[40];
    for (int i = 0; i < name_count; i++) {
        if (names[i].at == at) {
            return names[i].text;
        }
    }
    (void) snprintf(text, sizeof text, "word %td", (const unsigned char *) at - arena);
    return text;
}

// --- exploring -----------------------------------------------------------------------------------

void *
model_alloc(size_t bytes)
{
    size_t start = (arena_used + 63) & ~(size_t) 63;
    if (start + bytes > ARENA_BYTES) {
        return NULL;
    }
    arena_used = start + bytes;
    return arena + start;
}

static void
start_execution(void)
{
    memcpy(arena, arena_at_start, arena_used);
    model_memory_reset();
    model_overtaken_limit = model_running->overtaken_limit;
    replayed = 0;
    steps = 0;
    prologue = model_running->asleep;
    settled_at = SIZE_MAX;
    memset(asleep, 0, sizeof asleep);
    for (int t = 0; t < model_running->threads; t++) {
        struct thread *thread = &model_threads[t];
        thread->op = (struct op){ .kind = OP_NONE };
        thread->current = thread->acquirable = thread->released = (struct view){ 0 };
        thread->trail_count = 0;
        thread->relaxes = 0;
        thread->executing = NULL;
        thread->stack_pointer = make_fiber(t, thread_main);
    }
}

static enum outcome
run_once(void)
{
    start_execution();
    outcome = RUNS;
    model_self = 0;
    model_switch(&main_pointer, model_threads[0].stack_pointer);
    if (outcome == COMPLETE && model_running->check) {
        model_switch(&main_pointer, make_fiber(MODEL_THREADS, check_main));
    }
    return outcome;
}

// Returns false when every way was taken.
static bool
backtrack(void)
{
    while (decided > 0 && !take_next_way(&decisions[decided - 1])) {
        decided--;
    }
    return decided > 0;
}

bool
model_is_setting_up(void)
{
    return is_setting_up;
}

static void
set_up(const struct model_case *explored)
{
    model_running = explored;
    model_self = -1;
    arena_used = 0;
    name_count = 0;
    decided = 0;
    memset(arena, 0, sizeof arena);
    model_memory_forget();
    is_setting_up = true;
    explored->setup(explored->what);
    is_setting_up = false;
    memcpy(arena_at_start, arena, arena_used);
}

void
model_explore(const struct model_case *explored, bool trace, struct model_result *ret)
{
    *ret = (struct model_result){ 0 };
    set_up(explored);
    for (;;) {
        enum outcome how = run_once();
        if (how == RESTART) {
            *ret = (struct model_result){ 0 };
            decided = 0;
            continue;
        }
        if (how == FAILED) {
            ret->failed = true;
            memcpy(ret->why, why, sizeof ret->why);
            break;
        }
        ret->executions += how == COMPLETE;
        ret->pruned += how == PRUNED;
        if (!backtrack()) {
            return;
        }
    }
    if (trace) {
        model_is_tracing = true;
        (void) run_once();
        model_is_tracing = false;
    }
}

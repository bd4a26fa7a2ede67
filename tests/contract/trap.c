// SPDX-License-Identifier: Apache-2.0
#include "trap.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

struct trap {
    struct trap *next;
    struct world *w;
    unsigned char *memory;
    size_t size;
    size_t used;  // by the builder
    size_t least; // bytes of a block that the builder gets here
    trap_fn *act;
    void *arg;
};

static struct trap *traps; // of the world there is; changes only while nothing is closed

static size_t
page_size(void)
{
    return (size_t) sysconf(_SC_PAGESIZE);
}

static void
open_all(struct trap *trap)
{
    CHECK(mprotect(trap->memory, trap->size, PROT_READ | PROT_WRITE) == 0);
}

static void
at_closed_place(int number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t) info->si_addr;
    (void) context;
    for (struct trap *trap = traps; trap != NULL; trap = trap->next) {
        if (at - (uintptr_t) trap->memory < trap->size) {
            open_all(trap);
            trap->act(trap->arg, at - (uintptr_t) trap->memory);
            return;
        }
    }
    signal(number, SIG_DFL); // not ours: let it crash
}

struct trap *
trap_new(struct world *w, size_t size, trap_fn *act, void *arg)
{
    SKIP_IF_SIMULATED("a fault stops a thread");
    struct trap *trap = world_memory(w, sizeof *trap);
    size_t whole = (size + page_size() - 1) / page_size() * page_size();
    void *memory = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    *trap = (struct trap){
        .next = w->traps, .w = w, .memory = memory, .size = whole, .act = act, .arg = arg
    };
    w->traps = traps = trap;
    return trap;
}

void
traps_end(struct world *w)
{
    for (struct trap *trap = w->traps; trap != NULL; trap = trap->next)
        CHECK(munmap(trap->memory, trap->size) == 0);
    w->traps = traps = NULL;
}

void *
trap_memory(struct trap *trap)
{
    return trap->memory;
}

static void
protect(struct trap *trap, size_t offset, int protection)
{
    struct sigaction action = { .sa_sigaction = at_closed_place,
                                .sa_flags = SA_SIGINFO | SA_NODEFER };
    CHECK(offset < trap->size);
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(mprotect(trap->memory + offset / page_size() * page_size(), page_size(), protection) ==
          0);
}

void
trap_close(struct trap *trap, size_t offset)
{
    protect(trap, offset, PROT_NONE);
}

void
trap_close_for_writers(struct trap *trap, size_t offset)
{
    protect(trap, offset, PROT_READ);
}

// The memory of a builder ----------------------------------------------------------------------

static void *
trap_alloc(void *user, size_t size, size_t align)
{
    struct trap *trap = user;
    aimdb_allocator *ledger = &trap->w->ledger.hook;
    if (size < trap->least)
        return ledger->alloc(ledger->user, size, align);
    size_t whole = (size + page_size() - 1) / page_size() * page_size();
    CHECK(trap->used + whole <= trap->size);
    trap->used += whole;
    return trap->memory + trap->used - whole;
}

static void
trap_release(void *user, void *memory, size_t size)
{
    struct trap *trap = user;
    aimdb_allocator *ledger = &trap->w->ledger.hook;
    if (size < trap->least)
        ledger->release(ledger->user, memory, size);
}

void
trap_is_memory_of_builder(struct trap *trap, size_t least)
{
    const aimdb_allocator allocator = { trap_alloc, trap_release, trap };
    trap->least = least;
    aimdb_builder_free(trap->w->builder);
    trap->w->builder = aimdb_builder_new_with(trap->w->executor,
                                              &(aimdb_builder_options){ .allocator = &allocator });
    CHECK(trap->w->builder != NULL);
}

// Stopping a thread ----------------------------------------------------------------------------

struct stop *
stop_new(struct world *w)
{
    struct stop *stop = world_memory(w, sizeof *stop);
    stop->stopped = gate_new(w);
    stop->resume = gate_new(w);
    return stop;
}

void
stop_here(void *arg, size_t offset)
{
    struct stop *stop = arg;
    (void) offset;
    gate_add(stop->stopped, 1);
    gate_wait(stop->resume, gate_count(stop->stopped));
}

// SPDX-License-Identifier: Apache-2.0
// Memory that can be closed, so that a race happens at a chosen place and not by luck: a thread that
// comes to a closed place in the middle of a copy is held there by a fault. What the test wants to
// happen just then is called in that thread; then the place is open, and the thread goes on.
//
// A writer is caught in mid-push by closing a part of the value it pushes; a reader in mid-read by
// closing a part of the slots, which come from the builder's allocator.
#ifndef CONTRACT_TRAP_H
#define CONTRACT_TRAP_H

#include "contract.h"

struct trap;

// Called where a thread came to a closed place, with its distance from the beginning of the memory.
// All is open then; it may close other places. It runs inside a signal handler, but never inside of
// one that interrupted the C library.
typedef void
trap_fn(void *arg, size_t offset);

// Open memory of `size` bytes, zero at first. It ends with the world.
struct trap *
trap_new(struct world *w, size_t size, trap_fn *act, void *arg);
void *
trap_memory(struct trap *trap);
// Closes the whole page in which the byte at `offset` lies.
void
trap_close(struct trap *trap, size_t offset);
// Closes it for those who write: a compare-and-swap is caught behind the load that went before. Not
// under the thread sanitizer, which holds a lock of its own over an atomic read and write.
void
trap_close_for_writers(struct trap *trap, size_t offset);
// Starts over with a builder whose blocks of `least` bytes and more lie in the trap, each in pages of
// its own and in the order in which they are asked for; smaller ones are the ledger's.
void
trap_is_memory_of_builder(struct trap *trap, size_t least);

// A thread that is to be stopped: trap_fn for a trap whose argument it is.
struct stop {
    struct gate *stopped; // up by one when the thread stands
    struct gate *resume;  // and this far it has to be for the thread to go on
};
struct stop *
stop_new(struct world *w);
void
stop_here(void *stop, size_t offset);

#endif

// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking as the essay of src/core/turn.h has it, on a TSO machine: each writer's store
// to commit_ waits in a buffer of one entry. A sleeper that nobody wakes is an invalid end state.
#ifdef ONE_WRITER
#define WRITERS 1
#define PUSHES 2
#else
#define WRITERS 2
#define PUSHES 1
#endif
byte reserve, commit, wakes, waiters; bool parked; // parked: the flag beside reserve, or in flags_
byte held[WRITERS]; bool delayed[WRITERS];
active proctype memory() {
end: do
  :: atomic { delayed[0] -> commit = held[0]; delayed[0] = false }
#if WRITERS == 2
  :: atomic { delayed[1] -> commit = held[1]; delayed[1] = false }
#endif
  od }
active [WRITERS] proctype writer() {
  byte w = _pid - 1, n, next; bool look;
  do
  :: n == PUSHES -> break
  :: else ->
#ifdef ONE_WRITER
    next = next + 1; reserve = next; // nobody reads it here
#else
    atomic { !delayed[w] && reserve == commit -> reserve++; next = reserve } // the compare-and-swap
#endif
#if defined(NO_LIGHT_FENCE) && !defined(PLAIN)
    look = parked; // the compiler may put it before the store
#endif
    atomic { !delayed[w] -> held[w] = next; delayed[w] = true }
#ifdef PLAIN
#ifndef NO_LIGHT_FENCE
    !delayed[w];
#endif
    look = parked;
#elif !defined(NO_LIGHT_FENCE)
    look = parked;
#endif
    if
    :: look ->
      atomic { !delayed[w] -> look = parked; parked = false }
#ifndef NO_WAKE
      if :: look && waiters > 0 -> wakes++ :: else fi
#endif
    :: else
    fi;
    n++
  od }
active [2] proctype sleeper() {
  byte cursor, seen; bool sure;
  do
  :: cursor == PUSHES * WRITERS -> break
  :: else ->
    if
    :: cursor != commit -> cursor = commit
    :: else ->
      seen = wakes;
#ifndef WAITER_AFTER_MARK
      waiters++;
#endif
      atomic { sure = (WRITERS == 2 && reserve == cursor); parked = true }
#ifdef WAITER_AFTER_MARK
      waiters++;
#endif
#if !defined(NO_HEAVY_FENCE) && !defined(PLAIN)
      if :: !sure -> !delayed[0] && !delayed[WRITERS - 1] :: else fi; // everybody's stores are out
#endif
#ifndef NO_SECOND_LOOK
      if :: !sure && cursor != commit :: else -> wakes != seen fi;
#else
      wakes != seen;
#endif
      waiters--
    fi
  od }

// SPDX-License-Identifier: Apache-2.0
// Closing as the essay of src/core/turn.h has it, on a TSO machine: a writer's stores wait in a buffer,
// in their order. What a push that returned AIMDB_OK brought is drained by a reader that goes on until
// the end; a reader that never comes to the end is an invalid end state.
//
// One writer (-DONE_WRITER) announces, looks at CLOSED and withdraws; any writers have CLOSED beside the
// count that their compare-and-swap changes. PLAIN: fences of each processor instead of membarrier(2).
#ifdef ONE_WRITER
#define WRITERS 1
#else
#define WRITERS 2
#endif
#define PUSHES 2
#define RESERVE 0
#define COMMIT 1

byte reserve, commit, accepted, drained, written, gone;
bool closed, ended, over;
chan stores0 = [2] of { byte, byte };
chan stores1 = [2] of { byte, byte };

inline reach(kind, value) {
  if
  :: kind == RESERVE -> reserve = value
  :: else -> commit = value; assert(!over) // nothing comes after the end
  fi
}

active proctype memory() {
  byte kind, value;
end:
  do
  :: atomic { stores0?kind,value -> reach(kind, value) }
  :: atomic { stores1?kind,value -> reach(kind, value) }
  od
}

proctype writer(chan stores) {
  byte n, next;
  bool look;
  do
  :: n == PUSHES -> break
  :: else ->
#ifdef ONE_WRITER
    next = written + 1;
#if defined(NO_LIGHT_FENCE) && !defined(PLAIN)
    look = closed; // the compiler may put it before the store
#endif
    stores!RESERVE,next;
#if defined(PLAIN) && !defined(NO_LIGHT_FENCE)
    empty(stores);
#endif
#if !defined(NO_LIGHT_FENCE) || defined(PLAIN)
    look = closed;
#endif
#ifdef NO_LOOK
    look = false;
#endif
    if
    :: look ->
#ifndef NO_WITHDRAW
      stores!RESERVE,written;
#endif
      break
    :: else
    fi;
#else
    atomic {
#ifdef NO_LOOK
      reserve == commit -> reserve++; next = reserve
#else
      (closed || reserve == commit) -> look = closed;
      if :: !look -> reserve++; next = reserve :: else fi
#endif
    }
    if :: look -> break :: else fi;
#endif
    accepted++; // this push will return AIMDB_OK
    written = next;
    stores!COMMIT,next;
    n++
  od;
  gone++
}

active proctype closer() {
  closed = true; // a read-modify-write
#ifdef ONE_WRITER
#ifndef PLAIN
#ifndef NO_HEAVY_FENCE
  empty(stores0); // membarrier: the writer's stores are out
#endif
#endif
#endif
  ended = true;
  gone++
}

active proctype reader() {
  byte cursor, seen;
  do
  :: seen = commit;
    if
    :: seen != cursor -> drained = drained + (seen - cursor); cursor = seen
    :: else ->
      if
#ifdef EARLY_END
      :: ended -> break
#else
      :: ended && reserve == cursor -> break
#endif
      :: commit != cursor
      fi
    fi
  od;
  over = true;
  gone++
}

init {
  atomic {
    run writer(stores0);
#if WRITERS == 2
    run writer(stores1);
#endif
  }
  (gone == WRITERS + 2);
  (empty(stores0) && empty(stores1));
  assert(drained == accepted)
}

// SPDX-License-Identifier: Apache-2.0
// The port for WebAssembly, in a browser or in node: nothing but imports from JavaScript.
//
// A module is called, does its work and returns: nothing interrupts it and nothing runs beside it.
// Whoever would sleep has to return, because news come from callers that wait until it has. So idle
// sleeps never; instead a wake asks JavaScript for a call of aimdb_poll() after the current one, and
// what aimdb_poll() returns is when the next one is due. The event loop is the idle.
//
//  1. Functions of the module may be called while another one runs: from an import that it called.
//     Those of this port call into no module.
//  2. Several modules may run in one process, each with a memory of its own. They share nothing;
//     neither do a page and its workers.
//
// Source: WebAssembly Core Specification 2.0; High Resolution Time, section 4 (monotonic clock).
#include "core/port.h"

#define FROM_JS(name) __attribute__((import_module("aimdb"), import_name(name)))

// Nanoseconds that never go backwards.
int64_t
wasm_clock(void) FROM_JS("clock");

// aimdb_poll() has something to do. Must not call it: who wakes has not finished yet.
void
wasm_wake(void) FROM_JS("wake");

// An invariant is broken: throws, or returns, and the module traps.
void
wasm_panic(const char *file, int line, const char *text) FROM_JS("panic");

aimdb_time
aimdbp_clock(void)
{
    return wasm_clock();
}

void
aimdbp_wake(aimdbi_signal *ready)
{
    (void) ready;
    wasm_wake();
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    (void) ready;
    (void) deadline;
}

_Noreturn void
aimdbp_panic(const char *file, int line, const char *text)
{
    wasm_panic(file, line, text);
    __builtin_trap();
}

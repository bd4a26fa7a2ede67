// SPDX-License-Identifier: Apache-2.0
// What the programs that inject faults share.
#ifndef FAULTS_H
#define FAULTS_H

#include "contract.h"

// What a program of faults does instead of CONTRACT_RUN: at its end it tells how many it injected
// (contract_tally), and fails if that is none.
#define FAULTS_RUN(tests, argc, argv) faults_tell((argv)[0], CONTRACT_RUN((tests), (argc), (argv)))
int
faults_tell(const char *program, int failed);

// A source that notes its grid; the account is exact whatever stands still or leaps.
struct ticks {
    aimdb_task *task;
    aimdb_time period;
    struct gate *steps;
    void (*each)(void *arg, uint64_t step); // NULL, or called in each step, from 0
    void *arg;
    aimdb_time last;   // what the last step asked for
    aimdb_time first;  // what the first step asked for
    uint64_t before;   // overruns counted before the second step
    uint64_t count;    // steps
    uint64_t left_out; // points of the grid between `first` and `last` without a step
};
struct ticks *
ticks_attach(struct world *w, number_record record, aimdb_time period);
// After the close. Every point of the grid had its step or was counted as an overrun.
void
ticks_account(const struct ticks *ticks);

#endif

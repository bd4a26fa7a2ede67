// SPDX-License-Identifier: Apache-2.0
// The pool's lane, explored: who pushes tasks, how many workers there are, and what the tasks do.
#ifndef AIMDB_TESTS_MODEL_LANE_H
#define AIMDB_TESTS_MODEL_LANE_H

#include "model.h"

struct lane_scenario {
    const char *name;
    int workers;          // threads 0, 1 ...
    int asleep;           // so many of these sleep already
    int pushers;          // the threads after them
    size_t tasks;         // that each of these pushes, one after another
    size_t pushed_before; // tasks that setup pushes
    size_t again;         // how often each task asks to be run again
    bool holds;           // a run waits until the next task is run too, as a long call would
    bool shrinks;         // the thread after the pushers ends workers ...
    uint32_t leave;       // ... until there are so many
};

struct model_case
lane_case(const struct lane_scenario *scenario);

#endif

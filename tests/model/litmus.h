// SPDX-License-Identifier: Apache-2.0
// The explorer's own tests, in two files.
#ifndef AIMDB_TESTS_MODEL_LITMUS_H
#define AIMDB_TESTS_MODEL_LITMUS_H

#include "model.h"

#define RESULTS 8

struct litmus {
    const char *name;
    int threads;
    bool allowed; // the outcome that `outcome` recognizes
    bool asymmetric;
    void (*thread)(int self);
    bool (*outcome)(void);
};

struct litmus_shared {
    aimdb_word x;
    char apart[56];
    aimdb_word y;
    aimdb_word z;
    aimdbi_signal signal;
    size_t got[RESULTS]; // results of the threads; not part of the model
};

extern struct litmus_shared *s;

// Ends with one without a name.
extern const struct litmus litmus_of_threads[];

#endif

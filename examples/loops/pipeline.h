// SPDX-License-Identifier: Apache-2.0
// What each of the five loops drives: a source of five ticks, a millisecond apart; a thread that adds
// one more; a consumer that prints them all, in the loop.
#ifndef PIPELINE_H
#define PIPELINE_H

#include <aimdb/aimdb.h>

// Builds it. When the consumer has printed the last tick it calls `then`, inside the loop.
bool
pipeline_start(aimdb_executor *executor, void (*then)(void *loop), void *loop);

// Closes and frees it, after the loop.
void
pipeline_end(void);

#endif

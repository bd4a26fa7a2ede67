// SPDX-License-Identifier: Apache-2.0
// The account: where every value went. It is drawn up when the database is closed.
#ifndef GATEWAY_ACCOUNT_H
#define GATEWAY_ACCOUNT_H

#include "logger.h"

#include <stdio.h>

// account_print prints what was produced, delivered, missed, skipped and lost, and how many rows
// are in the database (logger, may be NULL), and checks that
//   produced = delivered + missed + lost                 of a ring, for each consumer
//   produced = delivered + skipped + lost                of a SingleLatest, for each consumer
//   produced = delivered to all + overwritten + lost     of a mailbox
//   delivered to the logger = rows + not written         for each table
//   lost, added up, is what aimdb_close has reported.
// What does not agree is marked. The last line is "account: balanced" or "account: NOT balanced";
// it tells the result, which is also returned.
bool
account_print(FILE *out, aimdb *db, const aimdb_close_report *closed, struct logger *logger);

#endif

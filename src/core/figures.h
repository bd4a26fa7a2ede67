// SPDX-License-Identifier: Apache-2.0
// What files that hand out figures share.
#ifndef AIMDB_CORE_FIGURES_H
#define AIMDB_CORE_FIGURES_H

#include <aimdb/metrics.h>

#include "record.h"

// Writes the members of *from that fit into *to, whose first member is its size. 0 stands for the
// size in version 0.1, which is today's.
aimdb_err
aimdbi_hand_out(void *to, const void *from, size_t known);

// What the reader passed over, and will pass over with its next read.
uint64_t
aimdbi_skipped(const aimdb_reader *reader);

void
aimdbi_record_figures(const aimdb_record *rec, aimdb_record_stats *ret);

void
aimdbi_reader_figures(const aimdb_reader *reader, aimdb_reader_stats *ret);

#endif

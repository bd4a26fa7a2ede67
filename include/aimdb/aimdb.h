// SPDX-License-Identifier: Apache-2.0
// AimDB: typed records whose values move through one of three buffers to consumers that run in
// parallel, each behind its own dispatcher, so that a producer never waits. This header is all of it.
#ifndef AIMDB_AIMDB_H
#define AIMDB_AIMDB_H

#include <aimdb/base.h>
#include <aimdb/builder.h>
#include <aimdb/context.h>
#include <aimdb/executor.h>
#include <aimdb/metrics.h>
#include <aimdb/record.h>
#include <aimdb/sim.h>
#include <aimdb/static.h>
#include <aimdb/typed.h>

#endif

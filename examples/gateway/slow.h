// SPDX-License-Identifier: Apache-2.0
// --slow-consumer: a consumer of host.cpu that cannot keep up, to see what happens then.
#ifndef GATEWAY_SLOW_H
#define GATEWAY_SLOW_H

#include "notes.h"
#include "samples.h"

// slow_consume sleeps; user is a uint32_t with the milliseconds. To be registered as blocking.
host_cpu_consumer_fn slow_consume;

// slow_predict notes when it will have fallen behind by a whole ring, if ever.
void
slow_predict(uint32_t slow_ms, uint32_t rate_hz, size_t capacity, struct notes *notes);

#endif

// SPDX-License-Identifier: Apache-2.0
// Ticks of a counter as nanoseconds and back, without a division: a 64-bit one costs small processors
// hundreds of instructions at every look at the clock, and a kilobyte of library.
//
// The rate is a fixed-point number, ticks of one kind in a tick of the other times 2^32. It is rounded
// down by less than one part in 2^32 of a nanosecond: a counter of 168 MHz is 1 ns wrong in 20 seconds,
// which no quartz keeps. What matters is exact: more ticks never give less nanoseconds.
#ifndef AIMDB_CORE_TICKS_H
#define AIMDB_CORE_TICKS_H

#include <stdint.h>

#define AIMDBI_NS_PER_SEC UINT32_C(1000000000)

// How many ticks at `to_hz` there are in a tick at `from_hz`, times 2^32. from_hz is not 0.
static inline uint64_t
aimdbi_ticks_rate(uint32_t to_hz, uint32_t from_hz)
{
    uint64_t rest = 0, rate = 0;
    for (int bit = 63; bit >= 0; bit--) { // a long division, bit by bit
        rest = rest << 1 | (bit >= 32 ? to_hz >> (bit - 32) & 1 : 0);
        rate <<= 1;
        if (rest >= from_hz) {
            rest -= from_hz;
            rate |= 1;
        }
    }
    return rate;
}

// ticks * rate / 2^32, rounded down. The result has to fit 64 bits.
static inline uint64_t
aimdbi_ticks_convert(uint64_t ticks, uint64_t rate)
{
    uint64_t ticks_low = (uint32_t) ticks, ticks_high = ticks >> 32;
    uint64_t rate_low = (uint32_t) rate, rate_high = rate >> 32;
    return (ticks_high * rate_high << 32) + ticks_high * rate_low + ticks_low * rate_high +
           (ticks_low * rate_low >> 32);
}

#endif

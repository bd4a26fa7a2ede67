// SPDX-License-Identifier: Apache-2.0
// A record derived from another, and a produce that waits until everybody has finished with the value.
#include <aimdb/aimdb.h>

#include <stdio.h>

#define CELSIUS(F, S) F(S, f32, degrees, "degC")
AIMDB_SCHEMA(celsius, CELSIUS);
#define FAHRENHEIT(F, S) F(S, f32, degrees, "degF")
AIMDB_SCHEMA(fahrenheit, FAHRENHEIT);
AIMDB_TRANSFORM(to_fahrenheit, celsius, fahrenheit);

static bool
convert(aimdb_ctx *ctx, const struct celsius *in, struct fahrenheit *out)
{
    (void) ctx;
    out->degrees = in->degrees * 9 / 5 + 32;
    return in->degrees >= -273.15f; // false: nothing is derived from this one
}

static aimdb_err
show(aimdb_ctx *ctx, const struct fahrenheit *f)
{
    (void) ctx;
    return printf("%.1f degF\n", (double) f->degrees) > 0 ? AIMDB_OK : AIMDB_EIO;
}

int
main(void)
{
    const struct celsius samples[] = { { 21.5f }, { -300.0f }, { 100.0f } };
    aimdb *db;
    aimdb_executor *pool = aimdb_pool_new(NULL);
    aimdb_builder *b = aimdb_builder_new(pool);
    celsius_record indoor = celsius_configure(b, "indoor.celsius", AIMDB_SPMC_RING(16));
    fahrenheit_record shown = fahrenheit_configure(b, "indoor.fahrenheit", AIMDB_SPMC_RING(16));
    to_fahrenheit_add_transform(b, indoor, shown, convert, NULL);
    fahrenheit_add_consumer(b, shown, show, NULL);
    if (aimdb_build(b, &db) != AIMDB_OK) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        // Back once the transform has finished with the value; what it derived is on its way.
        if (celsius_produce_wait(indoor, &samples[i], aimdb_clock() + AIMDB_SEC(10)) != AIMDB_OK) {
            return 1;
        }
    }
    aimdb_record_stats stats = { .size = sizeof stats };
    (void) aimdb_record_metrics(shown.raw, &stats);
    aimdb_close(db, AIMDB_FOREVER, NULL); // what is on its way arrives
    printf("%llu of 3 derived\n", (unsigned long long) stats.produced);
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return 0;
}

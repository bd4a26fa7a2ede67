// SPDX-License-Identifier: Apache-2.0
// Two consumers share a guard. Its author thought: the limit is produced before the sample, so the
// guard knows it by then. On threads that is so nearly always.
#include <aimdb/aimdb.h>

AIMDB_RECORD_TYPE(level, double); // metres

struct guard {
    double limit; // 0: not known
    bool was_blind;
};

static aimdb_err
note_limit(aimdb_ctx *ctx, const double *metres)
{
    ((struct guard *) aimdb_user(ctx))->limit = *metres;
    return AIMDB_OK;
}

static aimdb_err
watch(aimdb_ctx *ctx, const double *metres)
{
    struct guard *guard = aimdb_user(ctx);
    guard->was_blind = guard->limit == 0; // wrong: records have no order between them
    return *metres > guard->limit ? AIMDB_EIO : AIMDB_OK;
}

static bool
goes_wrong(uint64_t seed)
{
    struct guard guard = { 0 };
    aimdb *db = NULL;
    aimdb_executor *sim = aimdb_sim_new(&(aimdb_sim_options){ .seed = seed });
    aimdb_builder *b = aimdb_builder_new(sim);
    level_record limit = level_configure(b, "limit", AIMDB_SINGLE_LATEST);
    level_record sample = level_configure(b, "sample", AIMDB_SPMC_RING(8));
    level_add_consumer(b, limit, note_limit, &guard);
    level_add_consumer(b, sample, watch, &guard);
    bool ran = aimdb_build(b, &db) == AIMDB_OK &&
               level_produce(limit, &(double){ 4.5 }) == AIMDB_OK &&
               level_produce(sample, &(double){ 3.9 }) == AIMDB_OK &&
               aimdb_sim_run(sim, AIMDB_FOREVER, NULL) == AIMDB_OK; // until nothing is left to do
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(sim);
    return ran && guard.was_blind;
}

int
main(void)
{
    uint64_t seed = 1;
    while (seed < 1000 && !goes_wrong(seed))
        seed++;
    fprintf(stderr, "seed %llu\n", (unsigned long long) seed); // for the debugger
    return printf("a sample met no limit, %s\n", goes_wrong(seed) ? "and does again" : "or not") <
           0;
}

// SPDX-License-Identifier: Apache-2.0
// An asynchronous consumer: it starts work elsewhere and says later that the value is done. It gets
// its next value only then, while its dispatcher's thread serves others.
#include <pthread.h>

#include <aimdb/aimdb.h>

struct job {
    int number;
};
AIMDB_RECORD_TYPE(job, struct job);

struct order { // what goes to the other side: a copy of the value, and the token
    struct job job;
    aimdb_token token;
};
AIMDB_RECORD_TYPE(order, struct order);

struct office {
    order_record orders;
    order_reader in_tray;
};

// Consumer of "jobs": hands the job on and returns at once.
static aimdb_err
accept_job(aimdb_ctx *ctx, const struct job *job)
{
    struct office *office = aimdb_user(ctx);
    struct order order = { *job, aimdb_defer(ctx) };
    aimdb_err err = order_emit(ctx, office->orders, &order);
    return err == AIMDB_OK ? AIMDB_EPENDING : err;
}

// The other side: a thread of the application's own, which pulls.
static void *
clerk(void *argument)
{
    struct office *office = argument;
    struct order order;
    while (order_recv(&office->in_tray, &order, AIMDB_FOREVER) == AIMDB_OK) {
        printf("job %d done\n", order.job.number);
        (void) aimdb_done(order.token, AIMDB_OK);
    }
    return NULL;
}

int
main(void)
{
    struct office office;
    pthread_t thread;
    aimdb *db;
    aimdb_executor *pool = aimdb_pool_new(NULL);
    aimdb_builder *b = aimdb_builder_new(pool);
    job_record jobs = job_configure(b, "jobs", AIMDB_SPMC_RING(16));
    office.orders = order_configure(b, "orders", AIMDB_SPMC_RING(16));
    job_add_consumer(b, jobs, accept_job, &office);
    if (aimdb_build(b, &db) != AIMDB_OK ||
        order_subscribe(office.orders, &office.in_tray) != AIMDB_OK ||
        pthread_create(&thread, NULL, clerk, &office) != 0) {
        aimdb_builder_report(b, stderr);
        return 1;
    }
    for (int i = 1; i <= 3; i++) {
        job_produce(jobs, &(struct job){ i });
    }
    aimdb_close(db, aimdb_clock() + AIMDB_SEC(5), NULL); // waits for the last aimdb_done
    pthread_join(thread, NULL);
    order_unsubscribe(&office.in_tray);
    aimdb_free(db);
    aimdb_builder_free(b);
    aimdb_executor_free(pool);
    return 0;
}

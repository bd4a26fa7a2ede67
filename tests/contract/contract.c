// SPDX-License-Identifier: Apache-2.0
// The world of a test: executors by variant, checks, children, pushing and reading.
#include "simulated.h"

#include <aimdb/uv.h>
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANG_TURNS 1000000 // for ever, in a simulation, which has no seconds
#define TEST_SECONDS 150   // a whole test
#define PROBE_REFUSAL AIMDB_EIO

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS };
#define CRASHES (sizeof crashes / sizeof crashes[0])

static struct {
    pthread_t thread; // the one that cmocka runs
    struct sigaction crash_actions[CRASHES];
    bool in_child;
    unsigned number; // after the colon of the variant; 1 without one
    int64_t turns;   // given way in simulations
    const struct variant *variant;
} contract;

static aimdb_executor *
pool_make(unsigned threads)
{
    return aimdb_pool_new(&(aimdb_pool_options){ .threads = threads });
}

static aimdb_executor *
poll_make(unsigned threads)
{
    (void) threads;
    aimdb_executor *executor = aimdb_poll_new(&(aimdb_poll_options){ .blocking_threads = 64 });
    if (executor != NULL)
        driver_start(executor);
    return executor;
}

static aimdb_executor *
uv_make(unsigned threads)
{
    (void) threads;
    (void) setenv("UV_THREADPOOL_SIZE", "64", 0); // libuv's default of 4 limits blocking consumers
    return aimdb_uv_new(NULL);
}

// One line an executor: its name in the variant, how to make it, and what it can.
static const struct variant {
    const char *name;
    aimdb_executor *(*make)(unsigned number);
    bool has_threads;      // as many as the number after the colon says
    bool has_blocking_own; // threads for blocking consumers that start with the database
    const struct contract_threads *replaced;
} executors[] = {
    { "pool", pool_make, true, true, NULL },
    { "poll", poll_make, false, true, NULL },
    { "uv", uv_make, false, false, NULL },
};

static const struct variant simulation = { "sim", NULL, false, true, &simulated_threads };

const struct contract_threads *
contract_threads_replaced(void)
{
    return contract.variant->replaced;
}

bool
contract_is_simulated(void)
{
    return contract_threads_replaced() != NULL;
}

bool
contract_is_range(void)
{
    return contract_is_simulated() && simulated_is_range();
}

int
contract_play(const struct CMUnitTest *tests, size_t count, int argc, char **argv)
{
    return simulated_play(tests, count, argc > 2 ? argv[2] : NULL);
}

uint64_t
contract_many(uint64_t times)
{
    return contract_is_simulated() ? times / 100 + 3 : times;
}

_Noreturn void
contract_skip(const char *file, int line)
{
    if (contract_is_range())
        simulated_skip();
    _skip(file, line);
    abort();
}

aimdb_executor *
contract_executor(void)
{
    aimdb_executor *executor = contract_is_simulated()
                                   ? contract.variant->replaced->make(contract_workers())
                                   : contract.variant->make(contract.number);
    CHECK(executor != NULL);
    return executor;
}

void
contract_executor_free(aimdb_executor *executor)
{
    driver_stop(executor);
    aimdb_executor_free(executor);
}

unsigned
contract_workers(void)
{
    return contract_is_simulated() ? simulated_workers() : contract.number;
}

unsigned
contract_threads(void)
{
    return contract.variant->has_threads ? contract.number : 0;
}

bool
contract_blocking_threads_are_its_own(void)
{
    return contract.variant->has_blocking_own;
}

int
contract_init(int argc, char **argv)
{
    const char *variant = argc > 1 ? argv[1] : "pool:2";
    for (size_t i = 0; i < sizeof executors / sizeof executors[0]; i++) {
        char name[16];
        unsigned number = 1;
        int found = sscanf(variant, "%15[a-z]:%u", name, &number);
        if (found == 1 + executors[i].has_threads && number > 0 &&
            strcmp(name, executors[i].name) == 0) {
            contract.variant = &executors[i];
            contract.number = number;
        }
    }
    if (simulated_take(variant))
        contract.variant = &simulation;
    if (contract.variant == NULL) {
        fprintf(stderr, "%s: no executor '%s'; try pool:2 or sim\n", argv[0], variant);
        return -1;
    }
    if (argc > 2)
        cmocka_set_test_filter(argv[2]);
    for (size_t i = 0; i < CRASHES; i++)
        sigaction(crashes[i], NULL, &contract.crash_actions[i]);
    contract.thread = pthread_self();
    return 0;
}

static void
fail_elsewhere(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    if (contract_is_simulated())
        simulated_say_seed();
    fflush(stderr);
    if (contract.in_child)
        _exit(99);
    abort();
}

void
contract_fail(const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    bool is_elsewhere = !pthread_equal(pthread_self(), contract.thread);
    if (contract_is_simulated()) // on a stack of the test's own, cmocka can go on
        is_elsewhere = contract_is_range() || !contract.variant->replaced->is_at_root();
    if (contract.in_child || is_elsewhere)
        fail_elsewhere(file, line, text);
    print_error("%s\n", text);
    if (contract_is_simulated())
        simulated_say_seed();
    _fail(file, line);
    abort();
}

void
contract_check_eq(uint64_t want, uint64_t got, const char *text, const char *file, int line)
{
    if (want != got)
        contract_fail(file, line, "%s is %llu, not %llu", text, (unsigned long long) got,
                      (unsigned long long) want);
}

void
contract_check_err(aimdb_err want, aimdb_err got, const char *text, const char *file, int line)
{
    if (want != got)
        contract_fail(file, line, "%s is %s, not %s", text, aimdb_err_name(got),
                      aimdb_err_name(want));
}

int64_t
contract_guard(void)
{
    return contract_is_simulated() ? contract.turns + HANG_TURNS
                                   : (int64_t) time(NULL) + CONTRACT_PATIENCE;
}

void
contract_give_way(int64_t guard, const char *text, const char *file, int line)
{
    if ((contract_is_simulated() ? ++contract.turns : (int64_t) time(NULL)) > guard)
        contract_fail(file, line, "never came true: %s", text);
    if (contract_is_simulated())
        contract.variant->replaced->give_way();
    else
        sched_yield();
}

unsigned
contract_thread_count(void)
{
    DIR *tasks = opendir("/proc/self/task");
    unsigned count = 0;
    CHECK(tasks != NULL);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks))
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count - driver_threads();
}

int
contract_child(void (*run)(void *arg), void *arg)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        contract.in_child = true;
        signal(SIGALRM, SIG_DFL);
        alarm(CONTRACT_PATIENCE);
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); // some children are to be stopped
        run(arg);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void
test_hangs(int number)
{
    static const char text[] = "a test hangs: the program is stopped\n";
    (void) number;
    (void) !write(STDERR_FILENO, text, sizeof text - 1);
    abort();
}

int
world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (w == NULL)
        return -1;
    signal(SIGALRM, test_hangs);
    alarm(TEST_SECONDS);
    ledger_init(&w->ledger);
    w->executor = contract_executor();
    w->builder = aimdb_builder_new_with(w->executor,
                                        &(aimdb_builder_options){ .allocator = &w->ledger.hook });
    *state = w;
    return w->builder == NULL ? -1 : 0;
}

void
world_rebuild_with(struct world *w, aimdb_executor *executor, size_t memory_limit)
{
    aimdb_builder_free(w->builder);
    w->builder = aimdb_builder_new_with(
        executor, &(aimdb_builder_options){ .size = sizeof(aimdb_builder_options),
                                            .allocator = &w->ledger.hook,
                                            .memory_limit = memory_limit });
    CHECK(w->builder != NULL);
}

// cmocka catches crashes for the length of a test, but only knows of those in its own thread; in
// any other it ends the program without a word.
static void
let_crashes_crash(void)
{
    for (size_t i = 0; i < CRASHES; i++)
        sigaction(crashes[i], &contract.crash_actions[i], NULL);
}

void
world_build(struct world *w)
{
    let_crashes_crash();
    aimdb_err err = aimdb_build(w->builder, &w->db);
    if (err != AIMDB_OK)
        aimdb_builder_report(w->builder, stderr);
    CHECK_OK(err);
    CHECK(w->db != NULL);
}

aimdb_close_report
world_close(struct world *w)
{
    aimdb_close_report report = { .size = sizeof report };
    CHECK_OK(aimdb_close(w->db, AIMDB_FOREVER, &report));
    CHECK(!report.timed_out);
    return report;
}

void
world_free_db(struct world *w)
{
    aimdb_free(w->db);
    aimdb_builder_free(w->builder);
    w->db = NULL;
    w->builder = NULL;
}

struct scrap {
    struct scrap *next;
    max_align_t memory[];
};

void *
world_memory(struct world *w, size_t size)
{
    struct scrap *scrap = calloc(1, sizeof *scrap + size);
    CHECK(scrap != NULL);
    scrap->next = w->scraps;
    w->scraps = scrap;
    return scrap->memory;
}

int
world_teardown(void **state)
{
    struct world *w = *state;
    size_t live;
    for (struct gate *gate = w->gates; gate != NULL; gate = gate->next)
        gate_add(gate, UINT64_MAX / 2); // a test that failed may have left somebody waiting
    world_free_db(w);
    contract_executor_free(w->executor);
    for (; w->helpers != NULL;)
        helper_join(w->helpers);
    traps_end(w);
    live = w->ledger.live;
    for (struct scrap *next; w->scraps != NULL; w->scraps = next) {
        next = w->scraps->next;
        free(w->scraps);
    }
    free(w);
    alarm(0);
    if (live != 0)
        print_error("%zu bytes were left behind\n", live);
    return live == 0 ? 0 : -1;
}

void
push_range_(number_record record, uint64_t first, uint64_t last, const char *file, int line)
{
    for (uint64_t n = first; n <= last; n++)
        contract_check_err(AIMDB_OK, number_produce(record, &(struct number){ n }), "produce", file,
                           line);
}

void
push_many(void *arg)
{
    const struct pusher *pusher = arg;
    push_range(pusher->record, 1, pusher->count);
}

void
expect_(number_reader *reader, uint64_t n, const char *file, int line)
{
    struct number out = { ~n };
    contract_check_err(AIMDB_OK, number_try_recv(reader, &out), "try_recv", file, line);
    contract_check_eq(n, out.n, "the value", file, line);
}

void
expect_range_(number_reader *reader, uint64_t first, uint64_t last, const char *file, int line)
{
    for (uint64_t n = first; n <= last; n++)
        expect_(reader, n, file, line);
}

void
expect_err_(number_reader *reader, aimdb_err err, const char *file, int line)
{
    struct number out = { 0x5a5a5a5a5a5a5a5a };
    contract_check_err(err, number_try_recv(reader, &out), "try_recv", file, line);
    contract_check_eq(0x5a5a5a5a5a5a5a5a, out.n, "the untouched output", file, line);
}

void
expect_lag_(number_reader *reader, uint64_t n, const char *file, int line)
{
    expect_err_(reader, AIMDB_ELAGGED, file, line);
    contract_check_eq(n, number_missed(reader), "missed", file, line);
}

aimdb_record_stats
record_stats(number_record record)
{
    aimdb_record_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_record_metrics(record.raw, &stats));
    return stats;
}

aimdb_task_stats
task_stats(aimdb_task *task)
{
    aimdb_task_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_task_metrics(task, &stats));
    return stats;
}

aimdb_reader_stats
reader_stats(const number_reader *reader)
{
    aimdb_reader_stats stats = { .size = sizeof stats };
    CHECK_OK(aimdb_reader_metrics(&reader->raw, &stats));
    return stats;
}

static aimdb_err
refuse(aimdb_ctx *ctx, struct number *value)
{
    (void) ctx;
    (void) value;
    return PROBE_REFUSAL;
}

number_record
probe_new(struct world *w)
{
    number_record probe = number_configure(w->builder, "contract.probe", AIMDB_SPMC_RING(1));
    number_set_producer(w->builder, probe, refuse, NULL);
    return probe;
}

void
probe_until_closing(number_record probe)
{
    aimdb_err err;
    EVENTUALLY((err = number_produce(probe, &(struct number){ 0 })) != PROBE_REFUSAL);
    CHECK_ERR(AIMDB_ECLOSED, err);
}

static void
closer_run(void *arg)
{
    struct closer *closer = arg;
    helper_about_to_block();
    closer->err = aimdb_close(closer->w->db, closer->deadline, &closer->report);
}

struct closer *
closer_start(struct world *w, aimdb_time deadline)
{
    struct closer *closer = world_memory(w, sizeof *closer);
    closer->w = w;
    closer->deadline = deadline;
    closer->report.size = sizeof closer->report;
    closer->helper = helper_start(w, closer_run, closer);
    return closer;
}

void
closer_join(struct closer *closer)
{
    helper_join(closer->helper);
    CHECK_OK(closer->err);
}

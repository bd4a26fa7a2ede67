// SPDX-License-Identifier: Apache-2.0
// What the contract suites share. A test gets a world: an executor of the variant under test, a
// builder whose memory is counted, and whatever it asks for; all of it ends with the test, and a
// byte that is left fails it. Races are forced with gates. Deadlines only guard against hangs.
#ifndef CONTRACT_H
#define CONTRACT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <aimdb/aimdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONTRACT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONTRACT_SANITIZED 1
#endif
#endif
#ifndef CONTRACT_SANITIZED
#define CONTRACT_SANITIZED 0
#endif
#if defined(__SANITIZE_THREAD__)
#define CONTRACT_SANITIZES_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CONTRACT_SANITIZES_THREADS 1
#endif
#endif
#ifndef CONTRACT_SANITIZES_THREADS
#define CONTRACT_SANITIZES_THREADS 0
#endif

// Seconds: longer than this nothing takes, even under a sanitizer.
#ifndef CONTRACT_PATIENCE
#define CONTRACT_PATIENCE 30
#endif

struct number {
    uint64_t n;
};
AIMDB_RECORD_TYPE(number, struct number);

struct label {
    char text[24];
};
AIMDB_RECORD_TYPE(label, struct label);

// Checks. They may stand in any thread and callback: in the test's own thread a failed one ends the
// test, elsewhere it ends the program.
#define CHECK(claim) ((claim) ? (void) 0 : contract_fail(__FILE__, __LINE__, "%s", #claim))
#define CHECK_EQ(want, got)                                                                        \
    contract_check_eq((uint64_t) (want), (uint64_t) (got), #got, __FILE__, __LINE__)
#define CHECK_ERR(want, got) contract_check_err((want), (got), #got, __FILE__, __LINE__)
#define CHECK_OK(got) CHECK_ERR(AIMDB_OK, got)
// For what no callback tells: looks again, giving way to other threads, until it is so.
#define EVENTUALLY(claim)                                                                          \
    do {                                                                                           \
        int64_t guard_ = contract_guard();                                                         \
        while (!(claim))                                                                           \
            contract_give_way(guard_, #claim, __FILE__, __LINE__);                                 \
    } while (0)

void
contract_fail(const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void
contract_check_eq(uint64_t want, uint64_t got, const char *text, const char *file, int line);
void
contract_check_err(aimdb_err want, aimdb_err got, const char *text, const char *file, int line);
int64_t
contract_guard(void);
void
contract_give_way(int64_t guard, const char *text, const char *file, int line);

// A gate counts up. Who waits for a count goes on once it is reached; too long a wait is a failure.
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t count;
    uint32_t changes; // in a simulation: what is slept on
    struct gate *next;
};

// An aimdb_allocator that knows every live byte, fills fresh memory with rubbish, and can fail.
struct ledger {
    aimdb_allocator hook;
    pthread_mutex_t lock;
    size_t live;    // bytes asked for and not yet released
    size_t blocks;  // allocations not yet released
    size_t calls;   // allocations asked for so far
    size_t fail_at; // the call, from 1, that gets NULL; 0: none does
};

// Lines that the log hook was given.
struct log_book {
    pthread_mutex_t lock;
    size_t count; // lines heard, also those beyond the room
    struct {
        aimdb_log_level level;
        char text[240];
    } lines[256];
};

struct world {
    aimdb_executor *executor;
    aimdb_builder *builder;
    aimdb *db; // NULL until world_build
    struct ledger ledger;
    struct gate *gates;
    struct helper *helpers;
    struct scrap *scraps;
    struct trap *traps;
};

// contract_executor makes an executor of the variant the program was started for.
aimdb_executor *
contract_executor(void);
// Ends it, and what drives it.
void
contract_executor_free(aimdb_executor *executor);
// How many consumers that do not block the variant can call at the same time.
unsigned
contract_workers(void);
// How many threads of its own the variant has for them.
unsigned
contract_threads(void);
// Whether it starts threads for blocking consumers with the database. Else they come from a pool that
// others use too, and a loop that is stuck in a consumer cannot hand them anything.
bool
contract_blocking_threads_are_its_own(void);
// The threads of this process, but for those that drive executors without threads.
unsigned
contract_thread_count(void);
// NULL, or what replaces threads (simulated.h).
const struct contract_threads *
contract_threads_replaced(void);
// Whether all of them but the caller's sleep in the kernel: then they have started, and are idle.
bool
contract_others_asleep(void);
// Whether the executor is a simulation. Tests of threads, processes or real time as such skip
// themselves there, and say which of them it is.
bool
contract_is_simulated(void);
#define SKIP_IF_SIMULATED(reason)                                                                  \
    do {                                                                                           \
        (void) (reason);                                                                           \
        if (contract_is_simulated())                                                               \
            skip();                                                                                \
    } while (0)
#undef skip // cmocka's leaves only tests that cmocka began
#define skip() contract_skip(__FILE__, __LINE__)
_Noreturn void
contract_skip(const char *file, int line);
// How often to do what a test repeats to force a race: `times`, but less in a simulation, where it is
// another seed that gives another order.
uint64_t
contract_many(uint64_t times);
// Runs `run` in a child process; gives what waitpid says. A failed check there exits with 99.
int
contract_child(void (*run)(void *arg), void *arg);

int
world_setup(void **state);
int
world_teardown(void **state);
void
world_build(struct world *w);
// Closes without a deadline; what consumers still have to do is done.
aimdb_close_report
world_close(struct world *w);
// Frees database and builder now, so that a test can look at what is left.
void
world_free_db(struct world *w);
// Zeroed memory that lives until the database is gone.
void *
world_memory(struct world *w, size_t size);
// Starts over with a builder that has these options; the allocator stays the ledger.
void
world_rebuild_with(struct world *w, aimdb_executor *executor, size_t memory_limit);

// driver.c: an event loop for an executor without threads.
void
driver_start(aimdb_executor *executor);
void
driver_stop(aimdb_executor *executor);
unsigned
driver_threads(void);

struct gate *
gate_new(struct world *w);
void
gate_add(struct gate *gate, uint64_t n);
uint64_t
gate_count(struct gate *gate);
#define gate_wait(gate, n) gate_wait_((gate), (n), __FILE__, __LINE__)
void
gate_wait_(struct gate *gate, uint64_t n, const char *file, int line);

void
ledger_init(struct ledger *ledger);

// Of trap.h: unmaps the memory of all traps.
void
traps_end(struct world *w);

// Another thread of the test's own.
struct helper;
struct helper *
helper_start(struct world *w, void (*run)(void *arg), void *arg);
void
helper_join(struct helper *helper);
// Waits until the helper said helper_about_to_block() and then sleeps in the kernel.
void
helper_until_asleep(struct helper *helper);
void
helper_about_to_block(void);
pthread_t
helper_pthread(const struct helper *helper);

struct log_book *
log_book_new(struct world *w);
void
log_book_hear(void *book, aimdb_log_level level, const char *line);
// How many lines hold both texts; the first such line goes to ret_line if that is not NULL.
size_t
log_book_find(struct log_book *book, const char *text, const char *more, const char **ret_line);

// Whether a mistake in the builder's report has both texts.
bool
some_mistake_says(const aimdb_builder *builder, const char *key, const char *what);

// A sum of the whole program, for its last line: any thread adds.
void
contract_tally(uint64_t n);
// Prints "PROGRAM: N what", and returns N.
uint64_t
contract_tell(const char *program, const char *what);

// A consumer that notes its values, and can be held inside its calls.
struct sink {
    struct gate *calls; // up by one at the beginning of each call, after the value was noted
    struct gate *leave; // NULL: never held; else call k ends when this has reached k
    aimdb_err result;   // what calls return
    size_t room;        // values noted at the most
    size_t count;       // values seen
    uint64_t missed;    // sum of aimdb_missed
    uint64_t *values;
};
struct sink *
sink_new(struct world *w, size_t room);
struct sink *
sink_held_new(struct world *w, size_t room);
aimdb_err
sink_call(aimdb_ctx *ctx, const struct number *value);
aimdb_task *
sink_attach(struct world *w, number_record record, struct sink *sink, bool blocking);
void
sink_let_go(struct sink *sink);

// A record whose producer function refuses everything: tells an open database from a closing one.
number_record
probe_new(struct world *w);
// Waits until values from outside are refused.
void
probe_until_closing(number_record probe);

// Closing in another thread.
struct closer {
    struct world *w;
    aimdb_time deadline;
    aimdb_err err;
    aimdb_close_report report;
    struct helper *helper;
};
struct closer *
closer_start(struct world *w, aimdb_time deadline);
void
closer_join(struct closer *closer);

// Pushing and reading numbers, each with its checks.
#define push(record, n) CHECK_OK(number_produce((record), &(struct number){ (n) }))
#define push_range(record, first, last) push_range_((record), (first), (last), __FILE__, __LINE__)
#define expect(reader, n) expect_((reader), (n), __FILE__, __LINE__)
#define expect_range(reader, first, last)                                                          \
    expect_range_((reader), (first), (last), __FILE__, __LINE__)
#define expect_err(reader, err) expect_err_((reader), (err), __FILE__, __LINE__)
#define expect_lag(reader, n) expect_lag_((reader), (n), __FILE__, __LINE__)
void
push_range_(number_record record, uint64_t first, uint64_t last, const char *file, int line);
// What a helper needs to push the numbers from 1 to count.
struct pusher {
    number_record record;
    uint64_t count;
};
void
push_many(void *pusher);
void
expect_(number_reader *reader, uint64_t n, const char *file, int line);
void
expect_range_(number_reader *reader, uint64_t first, uint64_t last, const char *file, int line);
void
expect_err_(number_reader *reader, aimdb_err err, const char *file, int line);
void
expect_lag_(number_reader *reader, uint64_t n, const char *file, int line);

aimdb_record_stats
record_stats(number_record record);
aimdb_task_stats
task_stats(aimdb_task *task);
aimdb_reader_stats
reader_stats(const number_reader *reader);

#define CONTRACT_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
// The body of main(): argv[1] names the executor ("pool:2", simulated.h), argv[2] filters tests by
// name.
#define CONTRACT_RUN(tests, argc, argv)                                                            \
    (contract_init((argc), (argv)) ? 2                                                             \
     : contract_is_range()                                                                         \
         ? contract_play((tests), sizeof(tests) / sizeof(tests)[0], (argc), (argv))                \
         : cmocka_run_group_tests((tests), NULL, NULL))
int
contract_init(int argc, char **argv);
bool
contract_is_range(void);
int
contract_play(const struct CMUnitTest *tests, size_t count, int argc, char **argv);

#endif

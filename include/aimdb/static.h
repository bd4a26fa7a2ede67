// SPDX-License-Identifier: Apache-2.0
// Static records: a database whose parts are all there when the program is linked. No builder, no
// heap, no threads; what never changes is constant and stays in flash. Made for microcontrollers, and
// the same on a host.
//
//     AIMDB_RECORD_TYPE(sample, struct sample);
//     AIMDB_STATIC_SPMC_RING(sample, motor, "motor.current", 16, .one_writer = true);
//     AIMDB_STATIC_MAILBOX(command, commands, "motor.command");
//     AIMDB_STATIC_PRODUCER(motor, validate, NULL);      aimdb_err (aimdb_ctx *, struct sample *)
//     AIMDB_STATIC_CONSUMER(motor, guard, &limits);      aimdb_err (aimdb_ctx *, const struct sample *)
//     AIMDB_STATIC_SOURCE(commands, ask, NULL);          aimdb_time (aimdb_ctx *, command_record)
//     AIMDB_STATIC_DB(db, motor, commands, guard, ask);
//
//     void ADC_Handler(void) { (void) sample_produce(motor, &(struct sample){ ADC->DR }); }
//
//     for (;;)
//         aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
//
// All functions of a record type (typed.h) take static records: produce and produce_n, emit, subscribe,
// observe, try_recv, drain, peek, missed; so do aimdb_record_metrics, aimdb_reader_metrics, and with
// AIMDB_STATIC_TASK(name) aimdb_task_metrics. select, produce_wait, and a recv that would have to
// wait answer AIMDB_ENOTSUP: nobody sleeps over a static record but in aimdb_idle. There is no close: firmware does not
// end, and a program on a host just stops polling.
//
// The compiler refuses callbacks and values of another type, a ring whose capacity is no power of two,
// two producer functions of one record, a name that is listed twice and, if it is gcc, two records of
// one key in a database. The linker refuses a record or task that no database lists ("undefined
// reference to `motor_home_'"). The names of records are symbols of the program.
//
// What a callback emits should go through its context (NAME_emit): it carries the depth that ends a
// circle of producer functions with AIMDB_ELOOP [E2]. Counters are as wide as size_t: on 32 bits
// received, missed and errors wrap at 2^32, produced at 2^29.
//
// Source: SPEC section 11, section 8; docs/adr/0012.
#ifndef AIMDB_STATIC_H
#define AIMDB_STATIC_H

#include <aimdb/each.h>
#include <aimdb/metrics.h>
#include <aimdb/shape.h>
#include <aimdb/typed.h>

AIMDB_BEGIN

// The memory of a static database.
struct aimdbi_static_state {
    aimdbi_signal ready_; // bits of records with news; pushes set them, aimdb_poll takes them
    aimdb_time due;       // when the first source is due; 0: at once
};

// What a database lists.
struct aimdbi_static_part {
    const struct aimdbi_home *home; // of the record
    const struct aimdbi_static_record *record;
    const struct aimdbi_static_task *task; // NULL: the record itself
};

// A static database. Constant.
typedef struct aimdb_static {
    struct aimdbi_static_state *state_;
    const struct aimdbi_static_part *const *parts_;
    size_t count_;
} aimdb_static;

// aimdb_poll runs what is ready: sources that are due, then consumers whose records have news.
//
// Each consumer gets at most AIMDB_STATIC_BURST values before the next one has its turn. Consumers run
// in the order in which AIMDB_STATIC_DB lists them.
//
//   db         a static database
//   now        the time, on aimdb_clock(); sources with a deadline up to now are stepped
//   Returns    when to call again: now or before, there is more to do; AIMDB_FOREVER, only after news.
//              aimdb_idle(db, that) waits for it
//   Thread     one at a time for each database
//   ISR        no                     Blocks  as long as the callbacks do
//   Alloc      none                   Cost    22 instructions if nothing is ready (Cortex-M3)
//   Source     SPEC section 11, D1, D5, D7
AIMDB_API aimdb_time
aimdb_poll(const aimdb_static *db, aimdb_time now);

// aimdb_idle sleeps until a record has news or a time has come. It cannot miss news that come between
// the look and the sleep.
//
//   db         a static database
//   deadline   absolute, on aimdb_clock(); AIMDB_FOREVER: only news end the sleep; or any interrupt,
//              on a microcontroller
//   Returns    nothing; at once if there are news, or the deadline has passed
//   Thread     the one that polls
//   ISR        no                     Blocks  until then
//   Alloc      none                   Cost    one look; on a host a system call
//   Source     SPEC D5
AIMDB_API void
aimdb_idle(const aimdb_static *db, aimdb_time deadline);

// aimdbi_static_next reads the next value for the consumer that ctx is about. Private: called by what
// AIMDB_STATIC_CONSUMER makes.
//
//   ctx        of the run
//   value      room for one value; may be scribbled on if there is none
//   Returns    0: there is none; 1: there is one, the last one for now; 2: there may be more
//   Thread     the one that polls
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    one copy of the value
//   Source     SPEC R2-R8, L2-L4, M2
AIMDB_API unsigned
aimdbi_static_next(aimdb_ctx *ctx, void *value);

// aimdbi_static_finish notes that a consumer did not return AIMDB_OK. Private: called by what AIMDB_STATIC_CONSUMER
// makes.
//
//   ctx        of the run
//   err        what the consumer returned
//   Returns    nothing
//   Thread     the one that polls
//   ISR        no                     Blocks  never
//   Alloc      none                   Cost    a few instructions
//   Source     SPEC D3
AIMDB_API void
aimdbi_static_finish(aimdb_ctx *ctx, aimdb_err err);

// aimdbi_static_accept publishes what a producer function left of a value, or counts its refusal.
// Private: called by what AIMDB_STATIC_PRODUCER makes.
//
//   ctx        of the producer function
//   err        what it returned
//   value      what it left
//   Returns    err, or what became of the push
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one copy of the value
//   Source     SPEC P2
AIMDB_API aimdb_err
aimdbi_static_accept(aimdb_ctx *ctx, aimdb_err err, const void *value);

// aimdbi_static_copy copies a value word by word. Private.
//
//   to         size bytes
//   from       size bytes elsewhere
//   size       of both
//   Returns    nothing
//   Thread     any
//   ISR        yes                    Blocks  never
//   Alloc      none                   Cost    one copy
//   Source     docs/adr/0012
AIMDB_API void
aimdbi_static_copy(void *to, const void *from, size_t size);

AIMDB_END

#ifndef AIMDB_STATIC_BURST
#define AIMDB_STATIC_BURST 16 // values; a constant of the library, here for the documentation
#endif

// --- records --------------------------------------------------------------------------------------

#define AIMDBI_WORDS_(T) ((sizeof(T) + sizeof(size_t) - 1) / sizeof(size_t))
#define AIMDBI_FIRST_(first, ...) first

// AIMDB_STATIC_DECLARE makes a static record known, for a header: other files may then use it.
#define AIMDB_STATIC_DECLARE(NAME, record)                                                         \
    typedef NAME##_value record##_value_;                                                          \
    typedef NAME##_record record##_handle_;                                                        \
    AIMDBI_EXTERN_ const struct aimdbi_home record##_home_;                                        \
    AIMDBI_EXTERN_ const struct aimdbi_static_record record##_static_;                             \
    AIMDBI_EXTERN_ const struct aimdbi_static_part record##_part_;                                 \
    AIMDBI_EXTERN_ const NAME##_record record

#ifdef __cplusplus
#define AIMDBI_EXTERN_ extern "C"
#define AIMDBI_HAS_TYPE_(fn, ...) static_cast<__VA_ARGS__>(fn) == fn
#else
#define AIMDBI_EXTERN_ extern
#define AIMDBI_HAS_TYPE_(fn, ...) _Generic((fn), __VA_ARGS__ : 1, default : 0)
#endif

#define AIMDBI_STATIC_RECORD_(NAME, record, key_, slots_, mask, kind, takes_, ...)                 \
    AIMDB_STATIC_DECLARE(NAME, record);                                                            \
    AIMDB_STATIC_ASSERT(sizeof(key_) > 1, "AimDB: record " #record " has an empty key");           \
    AIMDB_UNUSED_ static AIMDBI_KEY_ char record##_key_[] = key_;                                  \
    static aimdb_word record##_words_[(slots_) *AIMDBI_WORDS_(NAME##_value)];                      \
    static struct aimdbi_cells record##_cells_ = AIMDBI_CELLS_##kind;                              \
    AIMDBI_EXTERN_ const struct aimdbi_static_producer record##_producer_ __attribute__((weak));   \
    AIMDBI_EXTERN_ const struct aimdbi_static_record record##_static_;                             \
    const struct aimdbi_static_record record##_static_ = { AIMDBI_SHAPE_(NAME, record##_words_,    \
                                                                         mask, kind, __VA_ARGS__), \
                                                           &record##_cells_,                       \
                                                           takes_,                                 \
                                                           &record##_home_,                        \
                                                           &record##_producer_,                    \
                                                           &NAME##_type_,                          \
                                                           record##_key_ };                        \
    const struct aimdbi_static_part record##_part_ = { &record##_home_, &record##_static_, NULL }; \
    const NAME##_record record = { (aimdb_record *) (void *) &record##_static_ }

#ifdef __cplusplus
#define AIMDBI_KEY_ constexpr
#define AIMDBI_SHAPE_(NAME, words, mask, kind, capacity)                                           \
    {                                                                                              \
        words, sizeof(NAME##_value), AIMDBI_IS_STATIC, AIMDBI_WORDS_(NAME##_value), capacity,      \
            mask, AIMDB_BUFFER_##kind, false, false, false                                         \
    }
#else
#define AIMDBI_KEY_ const
#define AIMDBI_SHAPE_(NAME, words, mask, kind, ...)                                                \
    {                                                                                              \
        .slots = (words), .size = sizeof(NAME##_value), .accepts = AIMDBI_IS_STATIC,               \
        .slot_words = AIMDBI_WORDS_(NAME##_value), .slot_mask = (mask),                            \
        .buffer = AIMDB_BUFFER_##kind, .capacity = __VA_ARGS__                                     \
    }
#endif

#define AIMDBI_CELLS_SPMC_RING                                                                     \
    {                                                                                              \
        { 0 }, { 0 }, { 0 }, { 0 },                                                                \
        {                                                                                          \
            { 0 },                                                                                 \
            {                                                                                      \
                0                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
// The slots were never written (AIMDBI_NEVER of turn.h).
#define AIMDBI_CELLS_SINGLE_LATEST                                                                 \
    {                                                                                              \
        { 0 }, { 0 }, { 0 }, { 0 },                                                                \
        {                                                                                          \
            { 1 },                                                                                 \
            {                                                                                      \
                1                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define AIMDBI_CELLS_MAILBOX AIMDBI_CELLS_SINGLE_LATEST

// AIMDB_STATIC_SPMC_RING makes a ring: AIMDB_STATIC_SPMC_RING(NAME, record, key, capacity), and in C
// after the capacity options: .one_writer = true. The capacity is a power of two.
#define AIMDB_STATIC_SPMC_RING(NAME, record, key, ...)                                             \
    AIMDB_STATIC_ASSERT(                                                                           \
        AIMDBI_FIRST_(__VA_ARGS__, 0) > 0 &&                                                       \
            (AIMDBI_FIRST_(__VA_ARGS__, 0) & (AIMDBI_FIRST_(__VA_ARGS__, 0) - 1)) == 0,            \
        "AimDB: the capacity of static ring " #record " is not a power of two");                   \
    AIMDBI_STATIC_RECORD_(NAME, record, key, AIMDBI_SLOTS_(AIMDBI_FIRST_(__VA_ARGS__, 0)),         \
                          AIMDBI_SLOTS_(AIMDBI_FIRST_(__VA_ARGS__, 0)) - 1, SPMC_RING, NULL,       \
                          __VA_ARGS__)
#define AIMDBI_SLOTS_(capacity) ((capacity) < 2 ? 2 : (capacity))

// AIMDB_STATIC_SINGLE_LATEST(NAME, record, key) makes a SingleLatest, _WITH(..., .one_writer = true)
// takes options (C only).
#define AIMDB_STATIC_SINGLE_LATEST(NAME, record, key)                                              \
    AIMDBI_STATIC_RECORD_(NAME, record, key, 2, 1, SINGLE_LATEST, NULL, 1)
#define AIMDB_STATIC_SINGLE_LATEST_WITH(NAME, record, key, ...)                                    \
    AIMDBI_STATIC_RECORD_(NAME, record, key, 2, 1, SINGLE_LATEST, NULL, 1, __VA_ARGS__)

// AIMDB_STATIC_MAILBOX(NAME, record, key) makes a mailbox, _WITH(..., .one_writer = true) takes options
// (C only).
#define AIMDB_STATIC_MAILBOX(NAME, record, key)                                                    \
    static struct aimdbi_takes record##_takes_;                                                    \
    AIMDBI_STATIC_RECORD_(NAME, record, key, 2, 1, MAILBOX, &record##_takes_, 1)
#define AIMDB_STATIC_MAILBOX_WITH(NAME, record, key, ...)                                          \
    static struct aimdbi_takes record##_takes_;                                                    \
    AIMDBI_STATIC_RECORD_(NAME, record, key, 2, 1, MAILBOX, &record##_takes_, 1, __VA_ARGS__)

// --- what runs ------------------------------------------------------------------------------------

// AIMDB_STATIC_PRODUCER gives a record its producer function, in the record's own file:
// aimdb_err fn(aimdb_ctx *, T *).
#define AIMDB_STATIC_PRODUCER(record, fn, user_)                                                   \
    AIMDB_STATIC_ASSERT(AIMDBI_HAS_TYPE_(fn, aimdb_err (*)(aimdb_ctx *, record##_value_ *)),       \
                        "AimDB: producer function " #fn                                            \
                        " does not take values of record " #record);                               \
    static aimdb_err record##_pass_(aimdb_ctx *ctx, const void *value)                             \
    {                                                                                              \
        record##_value_ copy_;                                                                     \
        aimdbi_static_copy(&copy_, value, sizeof copy_);                                           \
        return aimdbi_static_accept(ctx, fn(ctx, &copy_), &copy_);                                 \
    }                                                                                              \
    const struct aimdbi_static_producer record##_producer_ = { record##_pass_, user_ }

#define AIMDBI_STATIC_TASK_(name_, record_, run_, step_, user_, reader_, clock_)                   \
    AIMDBI_EXTERN_ const struct aimdbi_home name_##_home_;                                         \
    AIMDBI_EXTERN_ const struct aimdbi_static_part name_##_part_;                                  \
    AIMDB_UNUSED_ static AIMDBI_KEY_ char name_##_key_[] = "\t" #name_;                            \
    static const struct aimdbi_static_task name_##_task_ = {                                       \
        AIMDBI_STATIC_TASK, run_,    step_, user_, name_##_key_ + 1,                               \
        &record_##_static_, reader_, clock_                                                        \
    };                                                                                             \
    const struct aimdbi_static_part name_##_part_ = { &record_##_home_, &record_##_static_,        \
                                                      &name_##_task_ }

// AIMDB_STATIC_CONSUMER(record, fn, user) adds a consumer, aimdb_err fn(aimdb_ctx *, const T *), that
// AIMDB_STATIC_DB lists as `fn`. _AS gives it another name, for a function that consumes two records.
#define AIMDB_STATIC_CONSUMER(record, fn, user) AIMDB_STATIC_CONSUMER_AS(fn, record, fn, user)
#define AIMDB_STATIC_CONSUMER_AS(name, record, fn, user_)                                          \
    AIMDB_STATIC_ASSERT(AIMDBI_HAS_TYPE_(fn, aimdb_err (*)(aimdb_ctx *, const record##_value_ *)), \
                        "AimDB: consumer " #fn " does not take values of record " #record);        \
    static void name##_run_(aimdb_ctx *ctx)                                                        \
    {                                                                                              \
        record##_value_ value_;                                                                    \
        unsigned got_ = aimdbi_static_next(ctx, &value_);                                          \
        while (got_ > 0) {                                                                         \
            aimdb_err err_ = fn(ctx, &value_);                                                     \
            if (err_ != AIMDB_OK) {                                                                \
                aimdbi_static_finish(ctx, err_);                                                   \
            }                                                                                      \
            got_ = got_ > 1 ? aimdbi_static_next(ctx, &value_) : 0;                                \
        }                                                                                          \
    }                                                                                              \
    static struct aimdbi_static_reader name##_reader_;                                             \
    AIMDBI_STATIC_TASK_(name, record, name##_run_, NULL, user_, &name##_reader_, NULL)

// AIMDB_STATIC_SOURCE(record, fn, user) adds a source, aimdb_time fn(aimdb_ctx *, NAME_record), that
// AIMDB_STATIC_DB lists as `fn`. Its first step is due at the first aimdb_poll.
#define AIMDB_STATIC_SOURCE(record, fn, user) AIMDB_STATIC_SOURCE_AS(fn, record, fn, user)
#define AIMDB_STATIC_SOURCE_AS(name, record, fn, user_)                                            \
    AIMDB_STATIC_ASSERT(AIMDBI_HAS_TYPE_(fn, aimdb_time (*)(aimdb_ctx *, record##_handle_)),       \
                        "AimDB: source " #fn " is none of record " #record);                       \
    static aimdb_time name##_step_(aimdb_ctx *ctx)                                                 \
    {                                                                                              \
        return fn(ctx, record);                                                                    \
    }                                                                                              \
    static struct aimdbi_static_clock name##_clock_;                                               \
    AIMDBI_STATIC_TASK_(name, record, NULL, name##_step_, user_, NULL, &name##_clock_)

// The handle of a static task, for aimdb_task_metrics and aimdb_task_name.
#define AIMDB_STATIC_TASK(name) ((aimdb_task *) (void *) &name##_task_)

// --- the database ---------------------------------------------------------------------------------

// AIMDB_STATIC_DB(db, ...) makes a database of up to 64 records, consumers and sources.
#define AIMDB_STATIC_DB(db, ...)                                                                   \
    static struct aimdbi_static_state db##_state_;                                                 \
    AIMDBI_EACH_(AIMDBI_HOME_, db, __VA_ARGS__)                                                    \
    AIMDBI_PAIRS_(__VA_ARGS__)                                                                     \
    static const struct aimdbi_static_part *const db##_parts_[] = { AIMDBI_EACH_(AIMDBI_PART_, db, \
                                                                                 __VA_ARGS__) };   \
    AIMDBI_EXTERN_ const aimdb_static db;                                                          \
    const aimdb_static db = { &db##_state_, db##_parts_,                                           \
                              sizeof db##_parts_ / sizeof db##_parts_[0] }

#define AIMDBI_HOME_(db, name, index)                                                              \
    const struct aimdbi_home name##_home_ = { &db##_state_.ready_, UINT32_C(1) << (index) % 32 };
#define AIMDBI_PART_(db, name, index) &name##_part_,
#define AIMDBI_PAIR_(a, b)                                                                         \
    AIMDB_STATIC_ASSERT(!AIMDBI_SAME_KEY_(a##_key_, b##_key_),                                     \
                        "AimDB: " #a " and " #b " have the same key");
// Where the compiler cannot tell, it is taken as different.
#define AIMDBI_SAME_KEY_(a, b)                                                                     \
    (__builtin_constant_p(__builtin_strcmp(a, b)) ? __builtin_strcmp(a, b) == 0 : 0)

#endif

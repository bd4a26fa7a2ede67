// SPDX-License-Identifier: Apache-2.0
// Gates, helper threads, the counting allocator, the log book, and the consumer that notes.
#include "simulated.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct gate *
gate_new(struct world *w)
{
    struct gate *gate = world_memory(w, sizeof *gate);
    pthread_condattr_t monotonic;
    pthread_mutex_init(&gate->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&gate->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    gate->next = w->gates;
    w->gates = gate;
    return gate;
}

void
gate_add(struct gate *gate, uint64_t n)
{
    pthread_mutex_lock(&gate->lock);
    gate->count += n;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    if (contract_is_simulated())
        contract_threads_replaced()->gate_changed(gate);
}

uint64_t
gate_count(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    uint64_t count = gate->count;
    pthread_mutex_unlock(&gate->lock);
    return count;
}

void
gate_wait_(struct gate *gate, uint64_t n, const char *file, int line)
{
    struct timespec end;
    int err = 0;
    if (contract_is_simulated()) {
        contract_threads_replaced()->wait_for_gate(gate, n);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += CONTRACT_PATIENCE;
    pthread_mutex_lock(&gate->lock);
    while (gate->count < n && err == 0)
        err = pthread_cond_timedwait(&gate->changed, &gate->lock, &end);
    uint64_t count = gate->count;
    pthread_mutex_unlock(&gate->lock);
    if (count < n)
        contract_fail(file, line, "waited in vain for %llu, got %llu", (unsigned long long) n,
                      (unsigned long long) count);
}

// Helper threads ------------------------------------------------------------------------------

struct helper {
    pthread_t thread;
    struct world *w;
    struct helper *next;
    void (*run)(void *arg);
    void *arg;
    struct gate *done;
    atomic_int tid; // of the kernel; 0 until it is about to block
};

static _Thread_local struct helper *this_helper;

static void
helper_run(void *arg)
{
    struct helper *helper = arg;
    helper->run(helper->arg);
    gate_add(helper->done, 1);
}

static void *
helper_main(void *arg)
{
    this_helper = arg;
    helper_run(arg);
    return NULL;
}

struct helper *
helper_start(struct world *w, void (*run)(void *arg), void *arg)
{
    struct helper *helper = world_memory(w, sizeof *helper);
    helper->w = w;
    helper->run = run;
    helper->arg = arg;
    helper->done = gate_new(w);
    if (contract_is_simulated())
        contract_threads_replaced()->start(helper, helper_run);
    else
        CHECK(pthread_create(&helper->thread, NULL, helper_main, helper) == 0);
    helper->next = w->helpers;
    w->helpers = helper;
    return helper;
}

void
helper_join(struct helper *helper)
{
    struct helper **link = &helper->w->helpers;
    gate_wait(helper->done, 1);
    CHECK(contract_is_simulated() || pthread_join(helper->thread, NULL) == 0);
    while (*link != helper)
        link = &(*link)->next;
    *link = helper->next;
}

pthread_t
helper_pthread(const struct helper *helper)
{
    return helper->thread;
}

void
helper_about_to_block(void)
{
    struct helper *helper =
        contract_is_simulated() ? contract_threads_replaced()->this_helper() : this_helper;
    atomic_store(&helper->tid, (int) syscall(SYS_gettid));
}

static bool
sleeps_in_kernel(int tid)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *state = strrchr(text, ')'); // the name before it may hold anything
    return state != NULL && state[1] == ' ' && state[2] == 'S';
}

bool
contract_others_asleep(void)
{
    if (contract_is_simulated())
        return contract_threads_replaced()->others_asleep();
    DIR *tasks = opendir("/proc/self/task");
    bool all = true;
    CHECK(tasks != NULL);
    for (struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        int tid = (int) strtol(entry->d_name, NULL, 10);
        all = all && (tid == 0 || tid == (int) syscall(SYS_gettid) || sleeps_in_kernel(tid));
    }
    closedir(tasks);
    return all;
}

static bool
is_asleep(struct helper *helper)
{
    int tid = atomic_load(&helper->tid);
    return tid != 0 && (contract_is_simulated() ? contract_threads_replaced()->is_asleep(helper)
                                                : sleeps_in_kernel(tid));
}

void
helper_until_asleep(struct helper *helper)
{
    EVENTUALLY(is_asleep(helper));
}

// The counting allocator ----------------------------------------------------------------------

#define LEDGER_MARK 0x6c656467u
#define LEDGER_MAX ((size_t) 1 << 32) // bytes in one block: as on a small machine

struct entry {
    size_t size;
    size_t mark;
};

static size_t
entry_room(size_t align)
{
    return align > sizeof(struct entry) ? align : sizeof(struct entry);
}

static void *
ledger_alloc(void *user, size_t size, size_t align)
{
    struct ledger *ledger = user;
    void *block = NULL;
    CHECK(size > 0 && align > 0 && (align & (align - 1)) == 0 && size % align == 0);
    pthread_mutex_lock(&ledger->lock);
    bool fails = ++ledger->calls == ledger->fail_at || size > LEDGER_MAX;
    pthread_mutex_unlock(&ledger->lock);
    size_t room = entry_room(align);
    if (fails || posix_memalign(&block, room, room + size) != 0)
        return NULL;
    pthread_mutex_lock(&ledger->lock);
    ledger->live += size;
    ledger->blocks++;
    pthread_mutex_unlock(&ledger->lock);
    unsigned char *memory = (unsigned char *) block + room;
    struct entry entry = { size, LEDGER_MARK + align };
    memset(memory, 0xa5, size);
    memcpy(memory - sizeof entry, &entry, sizeof entry);
    return memory;
}

static void
ledger_release(void *user, void *memory, size_t size)
{
    struct ledger *ledger = user;
    struct entry entry;
    memcpy(&entry, (unsigned char *) memory - sizeof entry, sizeof entry);
    CHECK_EQ(entry.size, size);
    size_t align = entry.mark - LEDGER_MARK;
    CHECK(align <= AIMDB_ALIGN_MAX);
    memset(memory, 0x5b, size);
    memset((unsigned char *) memory - sizeof entry, 0, sizeof entry);
    free((unsigned char *) memory - entry_room(align));
    pthread_mutex_lock(&ledger->lock);
    ledger->live -= size;
    ledger->blocks--;
    pthread_mutex_unlock(&ledger->lock);
}

void
ledger_init(struct ledger *ledger)
{
    memset(ledger, 0, sizeof *ledger);
    pthread_mutex_init(&ledger->lock, NULL);
    ledger->hook = (aimdb_allocator){ ledger_alloc, ledger_release, ledger };
}

// The log book --------------------------------------------------------------------------------

struct log_book *
log_book_new(struct world *w)
{
    struct log_book *book = world_memory(w, sizeof *book);
    pthread_mutex_init(&book->lock, NULL);
    aimdb_set_log(w->builder, log_book_hear, book);
    return book;
}

void
log_book_hear(void *user, aimdb_log_level level, const char *line)
{
    struct log_book *book = user;
    CHECK(line != NULL && line[0] != '\0' && strchr(line, '\n') == NULL);
    if (contract_is_simulated() && strncmp(line, "sim: seed ", 10) == 0)
        return;
    pthread_mutex_lock(&book->lock);
    if (book->count < sizeof book->lines / sizeof book->lines[0]) {
        book->lines[book->count].level = level;
        snprintf(book->lines[book->count].text, sizeof book->lines[0].text, "%s", line);
    }
    book->count++;
    pthread_mutex_unlock(&book->lock);
}

size_t
log_book_find(struct log_book *book, const char *text, const char *more, const char **ret_line)
{
    size_t found = 0;
    pthread_mutex_lock(&book->lock);
    for (size_t i = 0; i < book->count && i < sizeof book->lines / sizeof book->lines[0]; i++) {
        const char *line = book->lines[i].text;
        if (strstr(line, text) == NULL || strstr(line, more) == NULL)
            continue;
        if (found++ == 0 && ret_line != NULL)
            *ret_line = line;
    }
    pthread_mutex_unlock(&book->lock);
    return found;
}

// The sink ------------------------------------------------------------------------------------

struct sink *
sink_new(struct world *w, size_t room)
{
    struct sink *sink = world_memory(w, sizeof *sink);
    sink->calls = gate_new(w);
    sink->room = room;
    sink->values = world_memory(w, room * sizeof sink->values[0]);
    return sink;
}

struct sink *
sink_held_new(struct world *w, size_t room)
{
    struct sink *sink = sink_new(w, room);
    sink->leave = gate_new(w);
    return sink;
}

aimdb_err
sink_call(aimdb_ctx *ctx, const struct number *value)
{
    struct sink *sink = aimdb_user(ctx);
    if (sink->count < sink->room)
        sink->values[sink->count] = value->n;
    uint64_t call = ++sink->count;
    sink->missed += aimdb_missed(ctx);
    gate_add(sink->calls, 1);
    if (sink->leave != NULL)
        gate_wait(sink->leave, call);
    return sink->result;
}

aimdb_task *
sink_attach(struct world *w, number_record record, struct sink *sink, bool blocking)
{
    aimdb_consumer_options options = { .size = sizeof options, .blocking = blocking };
    aimdb_task *task = number_add_consumer_with(w->builder, record, sink_call, sink, &options);
    CHECK(task != NULL);
    return task;
}

void
sink_let_go(struct sink *sink)
{
    gate_add(sink->leave, UINT64_MAX / 4);
}

bool
some_mistake_says(const aimdb_builder *builder, const char *key, const char *what)
{
    for (size_t i = 0; i < aimdb_builder_mistakes(builder); i++) {
        const char *mistake = aimdb_builder_mistake(builder, i);
        if (strstr(mistake, key) != NULL && strstr(mistake, what) != NULL)
            return true;
    }
    return false;
}

static _Atomic uint64_t tally;

void
contract_tally(uint64_t n)
{
    atomic_fetch_add(&tally, n);
}

uint64_t
contract_tell(const char *program, const char *what)
{
    const char *name = strrchr(program, '/');
    uint64_t sum = atomic_load(&tally);
    printf("%s: %llu %s\n", name != NULL ? name + 1 : program, (unsigned long long) sum, what);
    return sum;
}

// SPDX-License-Identifier: Apache-2.0
// A weak memory, by views.
//
// Every shared word has a list of messages, the values it had, in modification order. Every thread
// has a view: for each word the oldest message it may still see. A load takes any message that its
// view allows, and raises the view to it. A release attaches the writer's view to the message; an
// acquire joins the message's view to the reader's; a relaxed load keeps it for a later acquire
// fence, and a relaxed store carries the view of the last release fence. A read-modify-write takes a
// message nobody else followed, puts its own right behind it, and carries that message's view on (a
// release sequence of read-modify-writes, as in C++20: a later plain store by the releasing thread
// ends it). A store may be put at any place in the modification order that the writer's view allows.
// A sequentially consistent fence joins the thread's view and a global one, both ways. A heavy fence
// is such a fence in the caller, then, at its own moment for each, one in every other thread, and one
// in the caller again: membarrier(2).
//
// This is RC11 without what follows: loads never see a later store of a program (no load buffering,
// no out-of-thin-air values), and fences are ordered as they are executed.
//
// Plain stores make no choice that other threads could tell from the moment at which they happen, so
// they happen at once. Only a heavy fence can: it may have come between stores that already happened.
// The thread keeps a trail of them, and the fence chooses how many to undercut: it takes the view
// from before them, and the messages, which nobody has read, are given what the fence taught.
//
// Source: Lahav, Vafeiadis, Kang, Hur, Dreyer, Repairing Sequential Consistency in C/C++11, PLDI 2017
// (RC11); Kang, Hur, Lahav, Vafeiadis, Dreyer, A Promising Semantics, POPL 2017 (views).
#include "memory.h"

#define GAP ((uint32_t) 1 << 20) // between the keys of two messages that follow each other
#define WORDS 4096               // that can be told apart; a power of two

struct word {
    const void *at;
    int owner; // the only thread that used it so far
    int place; // -1: private
};

static struct place places[PLACES];
static int place_count;
static struct word words[WORDS];
static int word_count;
static struct view fences; // what sequentially consistent fences knew
static size_t made;
static struct {
    int place;
    size_t number;
} first_puts[8]; // by setup
static int first_put_count;

static struct message *
add_message(int place, int position, size_t value);

static void
join(struct view *to, const struct view *from)
{
    for (int i = 0; i < PLACES; i++) {
        to->key[i] = to->key[i] > from->key[i] ? to->key[i] : from->key[i];
    }
}

void
model_memory_forget(void)
{
    __builtin_memset(words, 0, sizeof words);
    __builtin_memset(places, 0, sizeof places);
    place_count = 0;
    word_count = 0;
    first_put_count = 0;
}

void
model_memory_reset(void)
{
    for (int i = 0; i < place_count; i++) {
        places[i].count = 0;
        places[i].floor = 0;
    }
    fences = (struct view){ 0 };
    made = 0;
    for (int i = 0; i < first_put_count; i++) {
        int place = first_puts[i].place;
        (void) add_message(place, places[place].count - 1, first_puts[i].number);
    }
}

size_t
model_messages_made(void)
{
    return made;
}

static size_t
get(const void *at, size_t bytes)
{
    return bytes == sizeof(size_t) ? *(const size_t *) at : *(const uint32_t *) at;
}

static void
put(void *at, size_t bytes, size_t value)
{
    if (bytes == sizeof(size_t)) {
        *(size_t *) at = value;
    } else {
        *(uint32_t *) at = (uint32_t) value;
    }
}

static struct word *
word_at(const void *at)
{
    size_t hash = (size_t) at >> 2;
    for (hash ^= hash >> 12;; hash++) {
        struct word *word = &words[hash & (WORDS - 1)];
        if (!word->at) {
            if (++word_count > WORDS / 2) {
                model_fail("the model has no room: more than %d words", WORDS / 2);
            }
            *word = (struct word){ at, -1, -1 };
        }
        if (word->at == at) {
            return word;
        }
    }
}

static struct message *
message_of(int place, uint64_t pick)
{
    return &places[place].messages[__builtin_ctzll(pick)];
}

static struct message *
newest_of(int place)
{
    const struct place *p = &places[place];
    return &places[place].messages[p->order[p->count - 1]];
}

// Puts a message behind the one at `position` of the order (-1: first).
static struct message *
add_message(int place, int position, size_t value)
{
    struct place *p = &places[place];
    if (p->count == MESSAGES) {
        model_fail("the model has no room: a word has more than %d values", MESSAGES);
    }
    int index = p->count++;
    uint32_t before = position >= 0 ? p->messages[p->order[position]].key : 0;
    for (int i = index; i > position + 1; i--) {
        p->order[i] = p->order[i - 1];
    }
    p->order[position + 1] = index;
    struct message *message = &p->messages[index];
    uint32_t key = before + GAP;
    if (position + 1 < index) {
        key = before + (p->messages[p->order[position + 2]].key - before) / 2;
    }
    *message = (struct message){ .value = value, .key = key };
    made++;
    return message;
}

static int
new_place(struct word *word)
{
    if (place_count == PLACES) {
        model_fail("the model has no room: more than %d shared words", PLACES);
    }
    word->place = place_count;
    places[place_count].at = word->at;
    return place_count++;
}

// The place of a word that is shared, with its first message; -1: use the memory itself.
static int
place_of(const void *at, size_t bytes)
{
    struct word *word = word_at(at);
    if (word->place < 0 && model_self >= 0) {
        if (word->owner < 0) {
            word->owner = model_self;
        }
        if (word->owner != model_self) {
            (void) new_place(word);
            model_restart();
        }
    }
    if (word->place >= 0 && places[word->place].count == 0) {
        (void) add_message(word->place, -1, get(at, bytes));
    }
    return word->place;
}

// As place_of, of a signal that threads sleep on: always shared.
static int
place_of_signal(const aimdbi_signal *signal)
{
    int place = place_of(signal, sizeof *signal);
    if (place < 0) {
        (void) new_place(word_at(signal));
        model_restart();
    }
    return place;
}

// A place that is used by the model only: never private.
static int
own_place_of(const void *at)
{
    struct word *word = word_at(at);
    return word->place < 0 ? new_place(word) : word->place;
}

// --- what a thread may do ------------------------------------------------------------------------

static uint64_t
readable(const struct thread *thread, int place)
{
    const struct place *p = &places[place];
    uint32_t least = thread->current.key[place];
    if (thread->op.kind == OP_WAIT && p->floor > least) {
        least = p->floor;
    }
    uint64_t set = 0;
    for (int i = 0; i < p->count; i++) {
        const struct message *message = &p->messages[i];
        bool blocked = message->is_followed &&
                       (thread->op.kind == OP_RMW || thread->op.kind == OP_TAKE ||
                        (thread->op.kind == OP_CAS && message->value == thread->op.expected));
        if (!blocked && (message->key >= least || thread->op.kind == OP_TAKE)) {
            set |= (uint64_t) 1 << i;
        }
    }
    return set;
}

// How many of the last stores of a thread a heavy fence may undercut.
static uint64_t
undercuts(const struct thread *caller, const struct thread *thread)
{
    uint64_t set = 1;
    for (int i = 1; i <= thread->trail_count; i++) {
        const struct step *step = &thread->trail[thread->trail_count - i];
        const struct message *message = &places[step->place].messages[step->message];
        if (message->is_read || fences.key[step->place] > message->key ||
            caller->acquirable.key[step->place] > message->key) {
            break;
        }
        set |= (uint64_t) 1 << i;
    }
    return set;
}

uint64_t
model_candidates(int thread)
{
    const struct thread *t = &model_threads[thread];
    switch (t->op.kind) {
    case OP_LOAD:
    case OP_CAS:
    case OP_RMW:
    case OP_WAIT:
    case OP_TAKE:
        return readable(t, t->op.place);
    case OP_IPI:
        return undercuts(t, &model_threads[t->op.target]);
    case OP_FENCE:
    case OP_WAKE:
        return 1;
    default:
        return 0;
    }
}

static bool
is_fence(const struct op *op)
{
    return op->kind == OP_FENCE || op->kind == OP_IPI;
}

bool
model_depends(int asleep, int taken)
{
    const struct op *a = &model_threads[asleep].op;
    const struct op *b = &model_threads[taken].op;
    if (is_fence(a) && is_fence(b)) {
        return true;
    }
    if (a->kind == OP_IPI && a->target == taken) {
        return true;
    }
    if (b->kind == OP_IPI) {
        return b->target == asleep || model_threads[taken].pick > 1;
    }
    return a->place == b->place && ((a->kind == OP_WAIT && b->kind == OP_WAKE) ||
                                    (a->kind == OP_WAKE && b->kind == OP_WAIT));
}

void
model_memory_settle(void)
{
    for (int t = 0; t < model_running->threads; t++) {
        for (int i = 0; i < place_count; i++) {
            if (places[i].count > 0) {
                model_threads[t].current.key[i] = newest_of(i)->key;
            }
        }
        join(&model_threads[t].acquirable, &model_threads[t].current);
        model_threads[t].trail_count = 0;
    }
}

// --- steps ---------------------------------------------------------------------------------------

static const char *const order_names[] = { "relaxed", "acquire", "release", "acq_rel" };

static bool
acquires(enum model_order order)
{
    return order == MODEL_ACQUIRE || order == MODEL_ACQ_REL;
}

static bool
releases(enum model_order order)
{
    return order == MODEL_RELEASE || order == MODEL_ACQ_REL;
}

static void
see(struct thread *self, int place, struct message *message, enum model_order order)
{
    message->is_read = true;
    if (self->current.key[place] < message->key) {
        self->current.key[place] = message->key;
    }
    join(&self->acquirable, &message->view);
    join(&self->acquirable, &self->current);
    if (acquires(order)) {
        join(&self->current, &message->view);
    }
}

static void
publish(struct thread *self, int place, struct message *message, enum model_order order)
{
    self->current.key[place] = message->key;
    self->acquirable.key[place] = message->key;
    join(&message->view, releases(order) ? &self->current : &self->released);
    if (message->view.key[place] < message->key) {
        message->view.key[place] = message->key;
    }
}

static const char *
age_of(int place, const struct message *message)
{
    return message == newest_of(place) ? "" : " (old)";
}

size_t
model_load(const void *at, size_t bytes, enum model_order order)
{
    int place = place_of(at, bytes);
    if (place < 0 || model_self < 0) {
        return place < 0 ? get(at, bytes) : newest_of(place)->value;
    }
    struct thread *self = &model_threads[model_self];
    model_step(OP_LOAD, place, 0, 0);
    struct message *message = message_of(place, self->pick);
    model_note("load %s %s = %zu%s", order_names[order], model_name_of(at), message->value,
               age_of(place, message));
    see(self, place, message, order);
    return message->value;
}

// Where in the modification order a store goes: last, or between two that the thread has not seen.
static int
choose_position(const struct thread *self, int place)
{
    const struct place *p = &places[place];
    int last = p->count - 1;
    int ways = 1;
    for (int i = last - 1; i >= 0; i--) {
        const struct message *message = &p->messages[p->order[i]];
        if (message->key < self->current.key[place]) {
            break;
        }
        ways += !message->is_followed;
    }
    int way = ways > 1 ? model_choose(ways) : 0;
    int position = last;
    while (way > 0) {
        position--;
        way -= !p->messages[p->order[position]].is_followed;
    }
    return position;
}

static void
remember(struct thread *self, int place, const struct message *message)
{
    if (!model_running->asymmetric) {
        return;
    }
    if (self->trail_count == TRAIL) {
        model_fail("the model has no room: more than %d stores in a row", TRAIL);
    }
    struct step *step = &self->trail[self->trail_count++];
    step->place = place;
    step->message = (int) (message - places[place].messages);
    step->current = self->current;
    step->acquirable = self->acquirable;
}

void
model_store(void *at, size_t bytes, size_t value, enum model_order order)
{
    int place = place_of(at, bytes);
    if (place < 0) {
        put(at, bytes, value);
        return;
    }
    if (model_self < 0) {
        (void) add_message(place, places[place].count - 1, value);
        return;
    }
    struct thread *self = &model_threads[model_self];
    int position = choose_position(self, place);
    bool is_last = position == places[place].count - 1;
    struct message *message = add_message(place, position, value);
    remember(self, place, message);
    publish(self, place, message, order);
    model_note("store %s %s = %zu%s", order_names[order], model_name_of(at), value,
               is_last ? "" : " (not the newest)");
}

static size_t
changed(enum model_change change, size_t value, size_t operand, size_t bytes)
{
    size_t result = operand;
    switch (change) {
    case MODEL_ADD:
        result = value + operand;
        break;
    case MODEL_OR:
        result = value | operand;
        break;
    case MODEL_AND:
        result = value & operand;
        break;
    case MODEL_XOR:
        result = value ^ operand;
        break;
    case MODEL_SWAP:
        break;
    }
    return bytes == sizeof result ? result : (uint32_t) result;
}

// Puts a read-modify-write's message behind the one it read.
static void
follow(struct thread *self, int place, struct message *read, size_t value, enum model_order order)
{
    struct place *p = &places[place];
    int position = 0;
    while (&p->messages[p->order[position]] != read) {
        position++;
    }
    see(self, place, read, order);
    read->is_followed = true;
    struct message *message = add_message(place, position, value);
    message->view = read->view;
    publish(self, place, message, order);
}

static size_t
rmw_alone(void *at, size_t bytes, int place, size_t value)
{
    if (place < 0) {
        size_t was = get(at, bytes);
        put(at, bytes, value);
        return was;
    }
    size_t was = newest_of(place)->value;
    (void) add_message(place, places[place].count - 1, value);
    return was;
}

size_t
model_rmw(void *at, size_t bytes, enum model_change change, size_t operand, enum model_order order)
{
    static const char *const names[] = { "add", "or", "and", "xor", "exchange" };
    int place = place_of(at, bytes);
    if (place < 0 || model_self < 0) {
        size_t was = place < 0 ? get(at, bytes) : newest_of(place)->value;
        return rmw_alone(at, bytes, place, changed(change, was, operand, bytes));
    }
    struct thread *self = &model_threads[model_self];
    model_step(OP_RMW, place, 0, 0);
    struct message *read = message_of(place, self->pick);
    size_t was = read->value;
    size_t value = changed(change, was, operand, bytes);
    model_note("%s %s %s: %zu -> %zu%s", names[change], order_names[order], model_name_of(at), was,
               value, age_of(place, read));
    follow(self, place, read, value, order);
    return was;
}

bool
model_cas(void *at, size_t bytes, size_t *expected, size_t value, enum model_order order,
          enum model_order order_of_failure)
{
    int place = place_of(at, bytes);
    if (place < 0 || model_self < 0) {
        size_t was = place < 0 ? get(at, bytes) : newest_of(place)->value;
        if (was != *expected) {
            *expected = was;
            return false;
        }
        (void) rmw_alone(at, bytes, place, value);
        return true;
    }
    struct thread *self = &model_threads[model_self];
    model_step(OP_CAS, place, *expected, 0);
    struct message *read = message_of(place, self->pick);
    if (read->value != *expected) {
        model_note("cas %s %s: %zu, not %zu%s", order_names[order], model_name_of(at), read->value,
                   *expected, age_of(place, read));
        see(self, place, read, order_of_failure);
        *expected = read->value;
        return false;
    }
    model_note("cas %s %s: %zu -> %zu%s", order_names[order], model_name_of(at), read->value, value,
               age_of(place, read));
    follow(self, place, read, value, order);
    return true;
}

// --- fences --------------------------------------------------------------------------------------

void
model_fence(enum model_order order)
{
    if (model_self < 0) {
        return;
    }
    struct thread *self = &model_threads[model_self];
    if (acquires(order)) {
        self->current = self->acquirable;
    }
    if (releases(order)) {
        self->released = self->current;
    }
    model_note("fence %s", order_names[order]);
}

static void
fence_of(struct thread *thread)
{
    thread->current = thread->acquirable;
    join(&thread->current, &fences);
    fences = thread->current;
    thread->acquirable = thread->current;
    thread->released = thread->current;
}

void
model_fence_seq_cst(void)
{
    if (model_self < 0) {
        return;
    }
    model_step(OP_FENCE, -1, 0, 0);
    fence_of(&model_threads[model_self]);
    model_note("fence seq_cst");
}

// A fence in `thread` before the last `undercut` stores of its trail.
static void
fence_in(struct thread *thread, int undercut)
{
    if (undercut == 0) {
        fence_of(thread);
        thread->trail_count = 0;
        return;
    }
    int first = thread->trail_count - undercut;
    struct view learnt = thread->trail[first].acquirable;
    join(&learnt, &fences);
    fences = learnt;
    for (int i = first; i < thread->trail_count; i++) {
        struct step *step = &thread->trail[i];
        join(&places[step->place].messages[step->message].view, &learnt);
        join(&step->current, &learnt);
        join(&step->acquirable, &learnt);
        thread->trail[i - first] = *step;
    }
    thread->trail_count = undercut;
    join(&thread->current, &learnt);
    join(&thread->acquirable, &learnt);
    join(&thread->released, &learnt);
}

void
aimdbp_fence_heavy(void)
{
    if (model_self < 0) {
        return;
    }
    struct thread *self = &model_threads[model_self];
    for (int i = 0; i < model_running->threads; i++) {
        if (i != model_self) {
            model_step(OP_IPI, -1, 0, i);
            int undercut = __builtin_ctzll(self->pick);
            fence_of(self);
            fence_in(&model_threads[i], undercut);
            fence_of(self);
            model_note("heavy fence reaches thread %d, %d stores back", i, undercut);
        }
    }
}

// --- what is not memory --------------------------------------------------------------------------

static void
wait_while(aimdbi_signal *signal, uint32_t expected, enum op_kind asleep)
{
    int place = place_of_signal(signal);
    struct thread *self = &model_threads[model_self];
    model_step(OP_WAIT, place, 0, 0);
    struct message *message = message_of(place, self->pick);
    model_note("wait %s while it is %u: it is %zu%s", model_name_of(signal), expected,
               message->value, age_of(place, message));
    see(self, place, message, MODEL_RELAXED);
    if (message->value == expected) {
        model_step(asleep, place, 0, 0);
        model_note("is awake");
    }
}

void
aimdbp_wait(aimdbi_signal *signal, uint32_t expected, aimdb_time deadline)
{
    (void) deadline;
    wait_while(signal, expected, OP_ASLEEP);
}

void
model_wait_a_while(aimdbi_signal *signal, uint32_t expected)
{
    wait_while(signal, expected, OP_DOZES);
}

// A waiter that comes after a waker finds at least what the waker knew, as in futex(2).
static int
step_of_waker(aimdbi_signal *signal)
{
    int place = place_of_signal(signal);
    model_step(OP_WAKE, place, 0, 0);
    uint32_t known = model_threads[model_self].current.key[place];
    places[place].floor = places[place].floor > known ? places[place].floor : known;
    return place;
}

void
aimdbp_wake_all(aimdbi_signal *signal)
{
    if (model_self >= 0) {
        int place = step_of_waker(signal);
        model_note("wake all at %s", model_name_of(signal));
        model_wake_all(place);
    }
}

void
aimdbp_wake_one(aimdbi_signal *signal)
{
    if (model_self >= 0) {
        int place = step_of_waker(signal);
        model_note("wake one at %s", model_name_of(signal));
        model_wake_one(place);
    }
}

size_t
model_known(const aimdb_word *word)
{
    int place = place_of(word, sizeof *word);
    if (place < 0 || model_self < 0) {
        return model_load(word, sizeof *word, MODEL_RELAXED);
    }
    const struct place *p = &places[place];
    int i = 0;
    while (p->messages[p->order[i]].key < model_threads[model_self].current.key[place]) {
        i++;
    }
    return p->messages[p->order[i]].value;
}

void
model_touch(const void *at)
{
    int place = own_place_of(at);
    if (places[place].count == 0) {
        (void) add_message(place, -1, 0);
    }
    if (model_self < 0) {
        return;
    }
    struct thread *self = &model_threads[model_self];
    struct message *newest = newest_of(place);
    if (newest->key > GAP && self->current.key[place] != newest->key) {
        model_fail("a race: thread %d uses %s, and an earlier use did not happen before",
                   model_self, model_name_of(at));
    }
    newest->key++; // the same message once more, newer
    self->current.key[place] = newest->key;
    self->acquirable.key[place] = newest->key;
    model_note("uses %s", model_name_of(at));
}

void
model_put(const void *queue, size_t number)
{
    int place = own_place_of(queue);
    for (int i = 0; i < places[place].count; i++) {
        const struct message *message = &places[place].messages[i];
        if (message->value == number && !message->is_followed) {
            model_fail("%zu is put into %s twice", number, model_name_of(queue));
        }
    }
    if (model_is_setting_up()) {
        first_puts[first_put_count].place = place;
        first_puts[first_put_count++].number = number;
        return;
    }
    struct message *message = add_message(place, places[place].count - 1, number);
    if (model_self >= 0) {
        message->view = model_threads[model_self].current;
    }
    model_note("put %zu into %s", number, model_name_of(queue));
}

static const struct message *
take(const void *queue)
{
    int place = own_place_of(queue);
    model_step(OP_TAKE, place, 0, 0);
    struct message *message = message_of(place, model_threads[model_self].pick);
    message->is_followed = true;
    model_note("take %zu from %s", message->value, model_name_of(queue));
    return message;
}

size_t
model_take(const void *queue)
{
    const struct message *message = take(queue);
    struct thread *self = &model_threads[model_self];
    join(&self->current, &message->view);
    join(&self->acquirable, &self->current);
    return message->value;
}

size_t
model_take_blindly(const void *queue)
{
    return take(queue)->value;
}

// SPDX-License-Identifier: Apache-2.0
// Transforms: records derived from others, value by value.
//
// A transform is a consumer of one record whose only work is to make a value of another and emit it.
// Its dispatcher is an ordinary one; aimdbi_call_transform stands where the record type's own function
// calls a consumer. Transforms alone must not form a circle: a value would go round for ever, with nobody
// who decides to stop it. Circles in which some consumer emits are legal [E2].
//
// The search for circles takes away every record that no transform leads into, until none is left or
// only circles and what comes after them. From one of the rest it walks against the arrows: each has
// one that leads into it, so the walk comes back to where it was. It needs no memory and no recursion:
// its marks are words of the records that mean nothing until the build, and are cleared again.
//
// Source: SPEC E4, B1.
#include "builder.h"
#include "scratch.h"

// --- running -------------------------------------------------------------------------------------

struct derivation {
    aimdb_ctx *ctx;
    const void *in;
};

static aimdb_err
derive(void *work, void *scratch)
{
    const struct derivation *derivation = work;
    const aimdb_task *task = derivation->ctx->task;
    size_t size = task->out->shape.size;
    __builtin_memset(scratch, 0, size);
    if (!task->derive(derivation->ctx, task->fn, derivation->in, scratch)) {
        return AIMDB_OK;
    }
    return aimdb_emit(derivation->ctx, task->out, scratch, size);
}

aimdb_err
aimdbi_call_transform(aimdb_ctx *ctx, const void *value)
{
    const aimdb_type *type = ctx->task->out->type;
    struct derivation derivation = { ctx, value };
    return aimdbi_with_scratch(type->value_size, type->value_align, derive, &derivation);
}

// --- registering ---------------------------------------------------------------------------------

aimdb_task *
aimdb_add_transform(aimdb_builder *builder, aimdb_record *in, aimdb_record *out,
                    aimdb_transform_call call, aimdb_fn fn, void *user)
{
    if (!builder || !aimdbi_is_own(builder, in, "transform") ||
        !aimdbi_is_own(builder, out, "transform")) {
        return NULL;
    }
    if (!fn || !call) {
        aimdbi_mistake(builder, false, in->key, "a transform's function is NULL");
        return NULL;
    }
    const struct aimdbi_registration transform = { &in, 1, fn, user, NULL, AIMDBI_TRANSFORM };
    aimdb_task *task = aimdbi_register(builder, &transform);
    if (task) {
        task->out = out;
        task->derive = call;
        aimdb_emitted_by(builder, out, task);
    }
    return task;
}

static bool
is_transform(const aimdb_task *task)
{
    return task->kind == AIMDBI_TRANSFORM;
}

// --- circles -------------------------------------------------------------------------------------

// Until the build these words of a record belong to the search.
static aimdb_word *
arrows_into(aimdb_record *rec) // how many, from records that were not taken away
{
    return &rec->waiters_;
}

static aimdb_word *
link_of(aimdb_record *rec) // the next on the stack; later the next on a walk
{
    return &rec->takes.taken_;
}

static aimdb_word *
walk_of(aimdb_record *rec) // the number of the walk that came by
{
    return &rec->takes.overwritten_;
}

static void
take_away(aimdb_record *stack)
{
    while (stack) {
        aimdb_record *rec = stack;
        stack = (aimdb_record *) load_relaxed(link_of(rec)); // relaxed, all here: one thread
        for (const struct aimdbi_input *input = rec->inputs; input; input = input->next) {
            const aimdb_task *task = input->task;
            if (!is_transform(task)) {
                continue;
            }
            aimdb_record *out = task->out;
            size_t left = load_relaxed(arrows_into(out)) - 1;
            store_relaxed(arrows_into(out), left);
            if (left == 0) {
                store_relaxed(link_of(out), (size_t) stack);
                stack = out;
            }
        }
    }
}

// A record that is left and has a transform into `rec`.
static aimdb_record *
left_before(const aimdb_builder *builder, const aimdb_record *rec)
{
    for (aimdb_record *from = builder->first_record; from; from = from->next) {
        if (load_relaxed(arrows_into(from)) == 0) {
            continue;
        }
        for (const struct aimdbi_input *input = from->inputs; input; input = input->next) {
            const aimdb_task *task = input->task;
            if (is_transform(task) && task->out == rec) {
                return from;
            }
        }
    }
    AIMDBI_REQUIRE(false, "a record that transforms lead into has lost them");
    return NULL;
}

// Tells a circle, beginning with the record that was registered first.
static void
tell_circle(aimdb_builder *builder, aimdb_record *on_it)
{
    aimdb_record *first = on_it;
    for (aimdb_record *at = (aimdb_record *) load_relaxed(link_of(on_it)); at != on_it;
         at = (aimdb_record *) load_relaxed(link_of(at))) {
        for (aimdb_record *rec = builder->first_record; rec != first; rec = rec->next) {
            if (rec == at) {
                first = at;
                break;
            }
        }
    }
    struct aimdbi_text text = { 0 };
    aimdbi_text_add(&text, "transforms go round: ");
    aimdb_record *at = first;
    do {
        aimdbi_text_add(&text, "\"");
        aimdbi_text_add(&text, at->key);
        aimdbi_text_add(&text, "\" -> ");
        at = (aimdb_record *) load_relaxed(link_of(at));
    } while (at != first);
    aimdbi_text_add(&text, "\"");
    aimdbi_text_add(&text, first->key);
    aimdbi_text_add(&text, "\"");
    aimdbi_mistake(builder, true, first->key, text.line);
}

// Walks against the arrows from `rec` until it meets its own trace, or that of an earlier walk.
static void
walk_back(aimdb_builder *builder, aimdb_record *rec, size_t walk)
{
    while (load_relaxed(walk_of(rec)) == 0) {
        store_relaxed(walk_of(rec), walk);
        aimdb_record *before = left_before(builder, rec);
        if (load_relaxed(walk_of(before)) == 0 || load_relaxed(walk_of(before)) == walk) {
            store_relaxed(link_of(before), (size_t) rec);
        }
        rec = before;
    }
    if (load_relaxed(walk_of(rec)) == walk) {
        tell_circle(builder, rec);
    }
}

static void
check_targets(aimdb_builder *builder, const aimdb_record *rec)
{
    for (const struct aimdbi_input *input = rec->inputs; input; input = input->next) {
        const aimdb_task *task = input->task;
        if (is_transform(task) && task->out->shape.buffer == AIMDB_BUFFER_NONE) {
            aimdbi_mistake(builder, true, task->out->key, "a transform into it, but no buffer");
        }
    }
}

void
aimdbi_check_transforms(aimdb_builder *builder)
{
    aimdb_record *stack = NULL;
    for (const aimdb_record *rec = builder->first_record; rec; rec = rec->next) {
        check_targets(builder, rec);
        for (const struct aimdbi_input *input = rec->inputs; input; input = input->next) {
            const aimdb_task *task = input->task;
            if (is_transform(task)) {
                count(arrows_into(task->out), 1);
            }
        }
    }
    for (aimdb_record *rec = builder->first_record; rec; rec = rec->next) {
        if (load_relaxed(arrows_into(rec)) == 0) {
            store_relaxed(link_of(rec), (size_t) stack);
            stack = rec;
        }
    }
    take_away(stack);
    size_t walk = 0;
    for (aimdb_record *rec = builder->first_record; rec; rec = rec->next) {
        if (load_relaxed(arrows_into(rec)) > 0 && load_relaxed(walk_of(rec)) == 0) {
            walk_back(builder, rec, ++walk);
        }
    }
    for (aimdb_record *rec = builder->first_record; rec; rec = rec->next) {
        store_relaxed(arrows_into(rec), 0);
        store_relaxed(link_of(rec), 0);
        store_relaxed(walk_of(rec), 0);
    }
}

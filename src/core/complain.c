// SPDX-License-Identifier: Apache-2.0
// What the log is told of tasks: lags, errors, overruns. One line of a kind about a task in a second;
// those held back are counted, and told with the next. Source: SPEC D1, D3, D7, section 9.
#include "task.h"
#include "text.h"

#define COMPLAINT_GAP_MS 1000

// True once in COMPLAINT_GAP_MS; otherwise the complaint is counted for the next line.
static bool
may_complain(const aimdb *db, struct aimdbi_complaint *about)
{
    if (!db->log) {
        return false;
    }
    size_t now = (size_t) (clock_of(db) / AIMDB_MS(1)) | 1;
    size_t last = load_relaxed(&about->said_at_); // relaxed: decided by the exchange below
    if ((last != 0 && now - last < COMPLAINT_GAP_MS) ||
        !cas_relaxed(&about->said_at_, &last, now)) {
        (void) fetch_add_relaxed(&about->unsaid_, 1);
        return false;
    }
    return true;
}

static void
begin_line(struct aimdbi_text *text, const struct aimdbi_input *input)
{
    const aimdb_task *task = input->task;
    text->used = 0;
    aimdbi_text_add(text, "record \"");
    aimdbi_text_add(text, input->reader.record_->key);
    aimdbi_text_add(text, task->is_source ? "\": source \"" : "\": consumer \"");
    aimdbi_text_add(text, task_name(task));
    aimdbi_text_add(text, "\" ");
}

static void
end_line(struct aimdbi_text *text, const aimdb *db, struct aimdbi_complaint *about)
{
    size_t unsaid = exchange_acquire(&about->unsaid_, 0);
    if (unsaid > 0) {
        aimdbi_text_add(text, " (");
        aimdbi_text_number(text, unsaid);
        aimdbi_text_add(text, " more since the last such line)");
    }
    db->log(db->log_user, AIMDB_LOG_WARNING, text->line);
}

void
aimdbi_complain_of_lag(const struct aimdbi_input *input, size_t lag)
{
    aimdb_task *task = input->task;
    if (!may_complain(task_db(task), &task->of_lags)) {
        return;
    }
    struct aimdbi_text text;
    begin_line(&text, input);
    aimdbi_text_add(&text, "lagged and missed ");
    aimdbi_text_number(&text, lag);
    aimdbi_text_add(&text, lag == 1 ? " value" : " values");
    end_line(&text, task_db(task), &task->of_lags);
}

void
aimdbi_count_overruns(aimdb_task *task, size_t points)
{
    count(&task->overruns_, points);
    if (!may_complain(task_db(task), &task->of_lags)) {
        return;
    }
    struct aimdbi_text text;
    begin_line(&text, &task->inputs[0]);
    aimdbi_text_add(&text, "ran over and left out ");
    aimdbi_text_number(&text, points);
    aimdbi_text_add(&text, points == 1 ? " step" : " steps");
    end_line(&text, task_db(task), &task->of_lags);
}

void
aimdbi_count_error(const struct aimdbi_input *input, aimdb_err err, const char *remark)
{
    aimdb_task *task = input->task;
    (void) fetch_add_relaxed(&task->errors_, 1); // relaxed: a figure
    if (!may_complain(task_db(task), &task->of_errors)) {
        return;
    }
    struct aimdbi_text text;
    begin_line(&text, input);
    aimdbi_text_add(&text, "returned ");
    aimdbi_text_add(&text, aimdb_err_name(err));
    aimdbi_text_add(&text, remark);
    end_line(&text, task_db(task), &task->of_errors);
}

// SPDX-License-Identifier: Apache-2.0
// Static records in a firmware in C++. Nothing of them runs before main(): the board calls no
// constructors.
#include "aimdb.h"

extern "C" {
void
board_start(void (*tick)(void));
void
board_print(const char *text);
}

namespace
{
struct sample {
    int32_t volts;
    float degrees;
};

class Limits
{
  public:
    explicit constexpr Limits(int32_t highest) : highest_(highest)
    {
    }

    aimdb_err
    look(const sample &s)
    {
        seen_ += 1;
        return s.volts <= highest_ ? AIMDB_OK : AIMDB_EINVAL;
    }

    int
    seen() const
    {
        return seen_;
    }

  private:
    int32_t highest_;
    int seen_ = 0;
};
Limits limits(1000);
int stepped = 0;
int newest = 0;
} // namespace

AIMDB_RECORD_TYPE(sample, sample);
AIMDB_STATIC_SPMC_RING(sample, motor, "motor", 16);
AIMDB_STATIC_SINGLE_LATEST(sample, shown, "shown");
AIMDB_STATIC_MAILBOX(sample, asked, "asked");

static aimdb_err
validate(aimdb_ctx *, sample *s)
{
    s->degrees += 0.5f;
    return s->volts >= 0 ? AIMDB_OK : AIMDB_EINVAL;
}
AIMDB_STATIC_PRODUCER(motor, validate, nullptr);

static aimdb_err
guard(aimdb_ctx *ctx, const sample *s)
{
    return static_cast<Limits *>(aimdb_user(ctx))->look(*s);
}
AIMDB_STATIC_CONSUMER(motor, guard, &limits);

static aimdb_err
show(aimdb_ctx *, const sample *s)
{
    newest = s->volts;
    return AIMDB_OK;
}
AIMDB_STATIC_CONSUMER(shown, show, nullptr);

static aimdb_time
ask(aimdb_ctx *ctx, sample_record out)
{
    const sample s = { ++stepped, 0 };
    (void) sample_emit(ctx, out, &s);
    return aimdb_every(ctx, AIMDB_MS(5));
}
AIMDB_STATIC_SOURCE(asked, ask, nullptr);
AIMDB_STATIC_DB(db, motor, shown, asked, guard, show, ask);

static void
on_tick()
{
    static int32_t ticks = 0;
    const sample s = { ++ticks, 20 };
    (void) sample_produce(motor, &s);
    (void) sample_produce(shown, &s);
}

int
main()
{
    board_start(on_tick);
    while (limits.seen() < 50) {
        aimdb_idle(&db, aimdb_poll(&db, aimdb_clock()));
    }
    const sample bad = { -1, 0 };
    sample got = {};
    const bool refused = sample_produce(motor, &bad) == AIMDB_EINVAL;
    const bool peeked = sample_peek(shown, &got) == AIMDB_OK && got.volts >= 50;
    const bool works = refused && peeked && newest >= 49 && stepped >= 9;
    board_print(works ? "static records in C++\n" : "static records in C++ do not work\n");
    return works ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
#include "alerts.h"

// A raised alert is cleared at this part of its limit, so that a value trembling around the limit
// raises one alert and not hundreds.
#define CLEARED_AT 0.9

// What is compared with what.
struct finding {
    aimdb_time at;
    int64_t unix_ms;
    const char *record;
    const char *device;
    const char *what;
    const char *unit;
    double value;
    double limit;
};

static aimdb_err
emit(aimdb_ctx *ctx, const struct checker *self, const struct finding *found, bool is_raised)
{
    struct alert alert = { .at = found->at,
                           .unix_ms = found->unix_ms,
                           .value = found->value,
                           .limit = found->limit,
                           .is_raised = is_raised };
    names_copy(alert.record, found->record);
    names_copy(alert.device, found->device);
    names_copy(alert.what, found->what);
    names_copy(alert.unit, found->unit);
    return alert_emit(ctx, self->alerts, &alert);
}

// judge emits when the state of one device changes; most calls change nothing.
static aimdb_err
judge(aimdb_ctx *ctx, struct checker *self, const struct finding *found)
{
    bool is_new;
    size_t slot = names_slot(&self->names, found->device, found->at, &is_new);
    if (is_new) {
        self->is_raised[slot] = false;
    }
    bool was_raised = self->is_raised[slot];
    bool is_raised = found->value > (was_raised ? found->limit * CLEARED_AT : found->limit);
    self->is_raised[slot] = is_raised;
    return is_raised == was_raised ? AIMDB_OK : emit(ctx, self, found, is_raised);
}

aimdb_err
check_cpu(aimdb_ctx *ctx, const struct host_cpu *v)
{
    struct checker *self = aimdb_user(ctx);
    struct host_config config;
    aimdb_err err = host_config_peek(self->config, &config);
    if (err != AIMDB_OK || v->cpu != ALL_CPUS || v->span == 0) {
        return err;
    }
    return judge(ctx, self,
                 &(struct finding){ v->at, v->unix_ms, "host.cpu", "all", "busy", "%",
                                    v->busy_percent, config.cpu_busy_percent });
}

aimdb_err
check_memory(aimdb_ctx *ctx, const struct host_memory *v)
{
    struct checker *self = aimdb_user(ctx);
    struct host_config config;
    aimdb_err err = host_config_peek(self->config, &config);
    if (err != AIMDB_OK) {
        return err;
    }
    return judge(ctx, self,
                 &(struct finding){ v->at, v->unix_ms, "host.memory", "all", "used", "%",
                                    v->used_percent, config.memory_used_percent });
}

aimdb_err
check_network(aimdb_ctx *ctx, const struct host_network *v)
{
    struct checker *self = aimdb_user(ctx);
    struct host_config config;
    aimdb_err err = host_config_peek(self->config, &config);
    if (err != AIMDB_OK || v->span == 0) {
        return err;
    }
    return judge(ctx, self,
                 &(struct finding){ v->at, v->unix_ms, "host.network", v->name, "errors", "/s",
                                    v->errors_per_s, config.network_errors_per_s });
}

aimdb_err
check_disk(aimdb_ctx *ctx, const struct host_disk *v)
{
    struct checker *self = aimdb_user(ctx);
    struct host_config config;
    aimdb_err err = host_config_peek(self->config, &config);
    if (err != AIMDB_OK || v->span == 0) {
        return err;
    }
    return judge(ctx, self,
                 &(struct finding){ v->at, v->unix_ms, "host.disk", v->name, "busy", "%",
                                    v->busy_percent, config.disk_busy_percent });
}

aimdb_err
check_thermal(aimdb_ctx *ctx, const struct host_thermal *v)
{
    struct checker *self = aimdb_user(ctx);
    struct host_config config;
    aimdb_err err = host_config_peek(self->config, &config);
    if (err != AIMDB_OK) {
        return err;
    }
    return judge(ctx, self,
                 &(struct finding){ v->at, v->unix_ms, "host.thermal", v->name, "temperature", "C",
                                    v->celsius, config.thermal_celsius });
}

// SPDX-License-Identifier: Apache-2.0
// Task notifications and masks of a FreeRTOS with one task. What is called from the wrong context
// ends the test.
#include "kernel.h"

#include "task.h"

struct tskTaskControlBlock {
    volatile unsigned notifications;
};
static struct tskTaskControlBlock task;

UBaseType_t
stub_mask(void)
{
    return kernel_mask();
}

void
stub_unmask(UBaseType_t state)
{
    kernel_unmask((unsigned) state);
}

BaseType_t
xPortIsInsideInterrupt(void)
{
    return kernel_in_handler() ? pdTRUE : pdFALSE;
}

TaskHandle_t
xTaskGetCurrentTaskHandle(void)
{
    kernel_point();
    EXPECT(!kernel_in_handler());
    return &task;
}

TickType_t
xTaskGetTickCountFromISR(void)
{
    kernel_point();
    return (TickType_t) kernel_time();
}

uint32_t
ulTaskNotifyTake(BaseType_t clear, TickType_t ticks)
{
    EXPECT(clear == pdTRUE && ticks > 0);
    kernel_sleep(&task.notifications, ticks == portMAX_DELAY ? UINT64_MAX : ticks);
    unsigned taken = task.notifications;
    task.notifications = 0;
    return taken;
}

BaseType_t
xTaskNotifyGive(TaskHandle_t to)
{
    EXPECT(!kernel_in_handler() && to == &task);
    to->notifications++;
    return pdTRUE;
}

void
vTaskNotifyGiveFromISR(TaskHandle_t to, BaseType_t *woke_higher)
{
    EXPECT(kernel_in_handler() && to == &task && *woke_higher == pdFALSE);
    to->notifications++;
    *woke_higher = pdTRUE;
}

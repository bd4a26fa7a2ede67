// SPDX-License-Identifier: Apache-2.0
// A stub, see FreeRTOS.h.
#ifndef INC_TASK_H
#define INC_TASK_H

#include "FreeRTOS.h"

struct tskTaskControlBlock;
typedef struct tskTaskControlBlock *TaskHandle_t;

TaskHandle_t
xTaskGetCurrentTaskHandle(void);
TickType_t
xTaskGetTickCountFromISR(void);
uint32_t
ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
BaseType_t
xTaskNotifyGive(TaskHandle_t task);
void
vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t *woke_higher);

#endif

// SPDX-License-Identifier: Apache-2.0
// A stub: the names of FreeRTOS that the port uses, declared by us. For kernel.c, and for the compiler.
#ifndef INC_FREERTOS_H
#define INC_FREERTOS_H

#include <stddef.h>
#include <stdint.h>

typedef long BaseType_t;
typedef unsigned long UBaseType_t;
typedef uint32_t TickType_t;

#define pdFALSE ((BaseType_t) 0)
#define pdTRUE ((BaseType_t) 1)
#define portMAX_DELAY ((TickType_t) 0xffffffffu)
#define configTICK_RATE_HZ ((TickType_t) 1000)
#define configNUMBER_OF_CORES 1

UBaseType_t
stub_mask(void);
void
stub_unmask(UBaseType_t state);
#define portSET_INTERRUPT_MASK_FROM_ISR() stub_mask()
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(state) stub_unmask(state)
#define portYIELD_FROM_ISR(woke) ((void) (woke))

BaseType_t
xPortIsInsideInterrupt(void);
BaseType_t
xPortInIsrContext(void); // ESP-IDF's name

#endif

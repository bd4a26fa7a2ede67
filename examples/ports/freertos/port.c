// SPDX-License-Identifier: Apache-2.0
// AimDB as a guest of FreeRTOS, of ESP-IDF's too: one task polls a database, and sleeps in its task
// notification; handlers and other tasks produce. For kernels that run on one core.
//
//  1. A task that idles says so before it looks at the ready word, and sleeps after. A producer that
//     sets the word after that look therefore finds the task, and gives it a notification, which
//     ulTaskNotifyTake() finds whether it sleeps already or will: no wake is lost.
//  2. A notification that comes late ends a later sleep early, which costs one look.
//  3. Whoever has masked the interrupts owns `places` and `seen`. Sections are the kernel's own: on
//     Cortex-M they leave priorities above configMAX_SYSCALL_INTERRUPT_PRIORITY alone, which may call
//     neither the kernel nor AimDB.
//
// Source: FreeRTOS API reference: task notifications, xTaskGetTickCountFromISR,
// taskENTER_CRITICAL_FROM_ISR; docs/guide/porting.md.
#if defined(ESP_PLATFORM) || defined(AIMDB_FREERTOS)

#ifdef ESP_PLATFORM
#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#else
#include <FreeRTOS.h>
#include <task.h>
#endif

#include <aimdb.h>

#if (defined(portNUM_PROCESSORS) && portNUM_PROCESSORS > 1) ||                                     \
    (defined(configNUMBER_OF_CORES) && configNUMBER_OF_CORES > 1)
#error "AimDB: static records are for one core; see CONFIG_FREERTOS_UNICORE, configNUMBER_OF_CORES"
#endif

// How many databases may idle; each is known by its ready word.
#ifndef AIMDB_FREERTOS_DATABASES
#define AIMDB_FREERTOS_DATABASES 4
#endif

// True in an interrupt handler. Kernels have no common name for it.
#ifndef AIMDB_FREERTOS_IN_HANDLER
#ifdef ESP_PLATFORM
#define AIMDB_FREERTOS_IN_HANDLER() (xPortInIsrContext() != 0)
#else
#define AIMDB_FREERTOS_IN_HANDLER() (xPortIsInsideInterrupt() != pdFALSE)
#endif
#endif

#pragma weak aimdb_fault // an application need not define it

static struct {
    aimdbi_signal *ready;          // never changes once it is set
    TaskHandle_t volatile sleeper; // NULL: nobody idles
} places[AIMDB_FREERTOS_DATABASES];

// FreeRTOS for RISC-V masks nothing from here; mask.h does it there. ESP-IDF's own does.
#ifdef AIMDB_MASK_EXTERN

size_t
aimdbp_mask(void)
{
    return (size_t) portSET_INTERRUPT_MASK_FROM_ISR(); // of tasks, too: it keeps the state
}

void
aimdbp_unmask(size_t state)
{
    portCLEAR_INTERRUPT_MASK_FROM_ISR((UBaseType_t) state);
}

#define MASK() aimdbp_mask()
#define UNMASK(state) aimdbp_unmask(state)

#elif defined(__riscv)

static size_t
mask(void)
{
    size_t mstatus;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(mstatus) : : "memory");
    return mstatus & 8;
}

static void
unmask(size_t state)
{
    __asm__ volatile("csrs mstatus, %0" : : "r"(state) : "memory");
}

#define MASK() mask()
#define UNMASK(state) unmask(state)

#else
#error "AimDB: compile with AIMDB_MASK_EXTERN: the masks are the kernel's"
#endif

// The clock: AIMDB_FREERTOS_CLOCK_EXTERN says that the application defines aimdbp_clock() itself, of a
// timer that is finer than the tick.
#if defined(ESP_PLATFORM) && !defined(AIMDB_FREERTOS_CLOCK_EXTERN)

aimdb_time
aimdbp_clock(void)
{
    return (aimdb_time) esp_timer_get_time() * 1000; // microseconds, of 64 bits, from any context
}

#elif !defined(AIMDB_FREERTOS_CLOCK_EXTERN)

#define TICK_NS ((aimdb_time) (1000000000 / configTICK_RATE_HZ))

static struct {
    TickType_t newest;
    aimdb_time time;
} seen;

// The kernel's count runs over, after 49 days at 1 kHz: somebody has to look at it once in that time.
// FromISR, because of the mask.
aimdb_time
aimdbp_clock(void)
{
    size_t state = MASK();
    TickType_t now = xTaskGetTickCountFromISR();
    seen.time += (aimdb_time) (TickType_t) (now - seen.newest) * TICK_NS;
    seen.newest = now;
    aimdb_time time = seen.time;
    UNMASK(state);
    return time;
}

#endif

void
aimdbp_wake(aimdbi_signal *ready)
{
    TaskHandle_t sleeper = NULL;
    size_t state = MASK();
    for (size_t i = 0; i < AIMDB_FREERTOS_DATABASES; i++) {
        sleeper = places[i].ready == ready ? places[i].sleeper : sleeper;
    }
    UNMASK(state);
    if (!sleeper) {
        return;
    }
    if (AIMDB_FREERTOS_IN_HANDLER()) {
        BaseType_t woke_higher = pdFALSE;
        vTaskNotifyGiveFromISR(sleeper, &woke_higher);
        portYIELD_FROM_ISR(woke_higher);
    } else {
        (void) xTaskNotifyGive(sleeper);
    }
}

static size_t
place_of(aimdbi_signal *ready)
{
    size_t state = MASK();
    size_t at = 0;
    while (at < AIMDB_FREERTOS_DATABASES && places[at].ready && places[at].ready != ready) {
        at++;
    }
    if (at == AIMDB_FREERTOS_DATABASES) {
        aimdbp_panic(__FILE__, __LINE__, "more databases idle than AIMDB_FREERTOS_DATABASES");
    }
    places[at].ready = ready;
    UNMASK(state);
    return at;
}

static TickType_t
ticks_in(aimdb_time left)
{
    const aimdb_time tick = 1000000000 / configTICK_RATE_HZ;
    if (left > (aimdb_time) (portMAX_DELAY / 2) * tick) {
        return portMAX_DELAY / 2; // and come back then
    }
    return (TickType_t) ((left + tick - 1) / tick);
}

void
aimdbp_idle(aimdbi_signal *ready, aimdb_time deadline)
{
    size_t at = place_of(ready);
    places[at].sleeper = xTaskGetCurrentTaskHandle(); // [1]
    aimdb_time now = aimdbp_clock();
    if (!aimdbp_is_ready(ready) && now < deadline) {
        TickType_t ticks = deadline == AIMDB_FOREVER ? portMAX_DELAY : ticks_in(deadline - now);
        (void) ulTaskNotifyTake(pdTRUE, ticks);
    }
    places[at].sleeper = NULL;
}

void
aimdbp_panic(const char *file, int line, const char *text)
{
    (void) MASK();
    if (aimdb_fault) {
        aimdb_fault(file, line, text);
    }
    for (;;) {
        __asm__ volatile("" : : : "memory");
    }
}

#else
typedef int aimdb_freertos_not_here; // a file without a declaration is no C
#endif

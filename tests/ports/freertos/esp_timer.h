// SPDX-License-Identifier: Apache-2.0
// A stub: of ESP-IDF.
#include <stdint.h>

int64_t
esp_timer_get_time(void);

// SPDX-License-Identifier: Apache-2.0
// As ESP-IDF has it.
#include "../task.h"

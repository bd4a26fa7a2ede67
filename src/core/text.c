// SPDX-License-Identifier: Apache-2.0
#include "text.h"

void
aimdbi_text_add(struct aimdbi_text *text, const char *piece)
{
    while (*piece && text->used + 1 < sizeof text->line) {
        text->line[text->used++] = *piece++;
    }
    text->line[text->used] = '\0';
}

void
aimdbi_text_number(struct aimdbi_text *text, uint64_t number)
{
    char digits[21];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char) ('0' + number % 10);
        number /= 10;
    } while (number > 0);
    aimdbi_text_add(text, digits + at);
}

size_t
aimdbi_length(const char *string)
{
    size_t length = 0;
    while (string[length]) {
        length++;
    }
    return length;
}

int
aimdbi_compare(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char) *a - (unsigned char) *b;
}

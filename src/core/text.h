// SPDX-License-Identifier: Apache-2.0
// Lines of text without a C library: pieces are appended, what does not fit is cut.
#ifndef AIMDB_CORE_TEXT_H
#define AIMDB_CORE_TEXT_H

#include <aimdb/base.h>

#define AIMDBI_LINE_BYTES 768 // two names of 255 bytes, and what is said of them

struct aimdbi_text {
    size_t used; // without the terminator
    char line[AIMDBI_LINE_BYTES];
};

void
aimdbi_text_add(struct aimdbi_text *text, const char *piece);
void
aimdbi_text_number(struct aimdbi_text *text, uint64_t number);

size_t
aimdbi_length(const char *string);

// As strcmp.
int
aimdbi_compare(const char *a, const char *b);

#endif

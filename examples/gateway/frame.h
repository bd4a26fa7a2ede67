// SPDX-License-Identifier: Apache-2.0
// A picture for the terminal, put together line by line and cut to its size, so that a small window
// loses what does not fit and nothing else.
#ifndef GATEWAY_FRAME_H
#define GATEWAY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_SIZE 65536u

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_BAD, STYLE_HEAD };

struct frame {
    unsigned rows; // of the picture
    unsigned columns;
    unsigned row; // lines ended so far
    unsigned column;
    bool is_colored; // false: NO_COLOR is set
    size_t len;
    char text[FRAME_SIZE];
};

// frame_begin starts an empty picture.
void
frame_begin(struct frame *frame, unsigned rows, unsigned columns);

// frame_put appends text to the present line, formatted as by printf: ASCII, no control characters.
__attribute__((format(printf, 3, 4))) void
frame_put(struct frame *frame, enum style style, const char *format, ...);

// frame_line ends the present line.
void
frame_line(struct frame *frame);

// frame_end completes the picture: text and len are what to write.
void
frame_end(struct frame *frame);

// frame_left tells how many lines still fit.
unsigned
frame_left(const struct frame *frame);

// Numbers for people, in a caller's buffer of FIGURE_SIZE bytes, which is also returned.
#define FIGURE_SIZE 24u
const char *
figure_count(char out[FIGURE_SIZE], uint64_t count, int width); // "12,345", or "12.3 M" to fit
const char *
figure_bytes(char out[FIGURE_SIZE], double bytes); // "12.3 MiB"
const char *
figure_time(char out[FIGURE_SIZE], int64_t ns); // "12.3 us"
const char *
figure_clock(char out[FIGURE_SIZE], int64_t unix_ms); // "13:59:59", local time

#endif

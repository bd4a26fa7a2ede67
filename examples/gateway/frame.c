// SPDX-License-Identifier: Apache-2.0
#define _POSIX_C_SOURCE 200809L
#include "frame.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define END_OF_LINE "\033[0m\033[K\r\n"
#define RESERVE 64u // bytes kept free for the end of a line and of the picture

static void
append(struct frame *frame, const char *text, size_t len)
{
    if (frame->len + len <= FRAME_SIZE) {
        memcpy(frame->text + frame->len, text, len);
        frame->len += len;
    }
}

static void
append_text(struct frame *frame, const char *text)
{
    append(frame, text, strlen(text));
}

void
frame_begin(struct frame *frame, unsigned rows, unsigned columns)
{
    frame->rows = rows;
    frame->columns = columns;
    frame->row = 0;
    frame->column = 0;
    frame->len = 0;
    frame->is_colored = getenv("NO_COLOR") == NULL; // https://no-color.org
    append_text(frame, "\033[H");
}

static const char *
sequence(const struct frame *frame, enum style style)
{
    switch (style) {
    case STYLE_BOLD:
        return "\033[0;1m";
    case STYLE_DIM:
        return "\033[0;2m";
    case STYLE_HEAD:
        return "\033[0;4m";
    case STYLE_GOOD:
        return frame->is_colored ? "\033[0;32m" : "\033[0m";
    case STYLE_BAD:
        return frame->is_colored ? "\033[0;1;31m" : "\033[0;7m";
    case STYLE_PLAIN:
        break;
    }
    return "\033[0m";
}

void
frame_put(struct frame *frame, enum style style, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int written = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t len = written < 0 ? 0 : (size_t) written;
    len = len < sizeof text - 1 ? len : sizeof text - 1;
    size_t room = frame->columns - frame->column;
    len = len < room ? len : room;
    if (frame->row >= frame->rows || frame->len + len + RESERVE > FRAME_SIZE) {
        return;
    }
    append_text(frame, sequence(frame, style));
    append(frame, text, len);
    frame->column += (unsigned) len;
}

void
frame_line(struct frame *frame)
{
    if (frame->row < frame->rows) {
        append_text(frame, END_OF_LINE);
        frame->row++;
    }
    frame->column = 0;
}

void
frame_end(struct frame *frame)
{
    append_text(frame, "\033[0m\033[J"); // whatever a larger picture left below
}

unsigned
frame_left(const struct frame *frame)
{
    return frame->rows - frame->row;
}

const char *
figure_count(char out[FIGURE_SIZE], uint64_t count, int width)
{
    const uint64_t thousand = 1000;
    const uint64_t million = thousand * thousand;
    int len = 0;
    if (count < thousand) {
        len = snprintf(out, FIGURE_SIZE, "%" PRIu64, count);
    } else if (count < million) {
        len = snprintf(out, FIGURE_SIZE, "%" PRIu64 ",%03" PRIu64, count / thousand,
                       count % thousand);
    } else {
        len = snprintf(out, FIGURE_SIZE, "%" PRIu64 ",%03" PRIu64 ",%03" PRIu64, count / million,
                       count / thousand % thousand, count % thousand);
    }
    if (len > width) {
        const char *unit = count < 1000 * million ? "M" : "G";
        double scale = count < 1000 * million ? 1e6 : 1e9;
        snprintf(out, FIGURE_SIZE, "%.1f %s", (double) count / scale, unit);
    }
    return out;
}

const char *
figure_bytes(char out[FIGURE_SIZE], double bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    size_t unit = 0;
    while (bytes >= 1000.0 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024.0;
        unit++;
    }
    snprintf(out, FIGURE_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return out;
}

const char *
figure_time(char out[FIGURE_SIZE], int64_t ns)
{
    if (ns < 1000000) {
        snprintf(out, FIGURE_SIZE, "%.0f us", (double) ns / 1e3);
    } else if (ns < 1000000000) {
        snprintf(out, FIGURE_SIZE, "%.0f ms", (double) ns / 1e6);
    } else {
        snprintf(out, FIGURE_SIZE, "%.0f s", (double) ns / 1e9);
    }
    return out;
}

const char *
figure_clock(char out[FIGURE_SIZE], int64_t unix_ms)
{
    time_t seconds = (time_t) (unix_ms / 1000);
    struct tm local;
    if (localtime_r(&seconds, &local) == NULL ||
        strftime(out, FIGURE_SIZE, "%H:%M:%S", &local) == 0) {
        snprintf(out, FIGURE_SIZE, "--:--:--");
    }
    return out;
}

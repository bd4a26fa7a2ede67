// SPDX-License-Identifier: Apache-2.0
// A fuzzer of the gateway's readers of /proc: what is found in any text is found again when it is
// written as the kernel would; room for fewer changes nothing but how much is written; and a last line
// that was cut off is not there.
#include "fail.h"
#include "procfs.h"
#include "program.h"

#include <inttypes.h>
#include <string.h>

#define FOUND_MAX 16
#define ROOM (32u << 10) // of a text that is written again

struct text {
    char bytes[ROOM];
    size_t len;
};

#define ADD(text_, ...)                                                                            \
    ((text_)->len +=                                                                               \
     (size_t) snprintf((text_)->bytes + (text_)->len, ROOM - (text_)->len, __VA_ARGS__))

// One reader: how values are found, how big they are, and how they are written.
struct reader {
    size_t (*find)(const char *text, void *out, size_t max);
    void (*write)(const void *found, size_t count, struct text *text);
    size_t size;
};

static size_t
find_cpu(const char *text, void *out, size_t max)
{
    return procfs_stat(text, out, max);
}

static void
write_cpu(const void *found, size_t count, struct text *text)
{
    const struct host_cpu *cpus = found;
    for (size_t i = 0; i < count; i++) {
        const struct host_cpu *c = &cpus[i];
        ADD(text, "cpu");
        if (c->cpu != ALL_CPUS) {
            ADD(text, "%d", c->cpu);
        }
        ADD(text, "  %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, c->user, c->nice, c->system,
            c->idle);
        ADD(text, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0\n", c->iowait, c->irq,
            c->softirq, c->steal);
    }
}

static size_t
find_memory(const char *text, void *out, size_t max)
{
    struct host_memory found;
    size_t n = procfs_meminfo(text, &found);
    FUZZ_REQUIRE(n <= 1, "%zu memories", n);
    if (n == 1 && max > 0) {
        memcpy(out, &found, sizeof found);
    }
    return n;
}

static void
write_memory(const void *found, size_t count, struct text *text)
{
    const struct host_memory *m = found;
    if (count > 0) {
        ADD(text, "SwapFree: %" PRIu64 " kB\nSwapTotal: %" PRIu64 " kB\nCached: 1 kB\n",
            m->swap_free / 1024, m->swap_total / 1024);
        ADD(text,
            "MemTotal: %" PRIu64 " kB\nMemFree: %" PRIu64 " kB\nMemAvailable: %" PRIu64 " kB\n",
            m->total / 1024, m->free / 1024, m->available / 1024);
    }
}

static size_t
find_network(const char *text, void *out, size_t max)
{
    return procfs_net_dev(text, out, max);
}

static void
write_network(const void *found, size_t count, struct text *text)
{
    const struct host_network *networks = found;
    for (size_t i = 0; i < count; i++) {
        const struct host_network *n = &networks[i];
        ADD(text, "  %s: %" PRIu64 " %" PRIu64 " %" PRIu64 " 0 0 0 0 0", n->name, n->received_bytes,
            n->received_packets, n->errors);
        ADD(text, " %" PRIu64 " %" PRIu64 " 0 0 0 0 0 0\n", n->sent_bytes, n->sent_packets);
    }
}

static size_t
find_disk(const char *text, void *out, size_t max)
{
    return procfs_diskstats(text, out, max);
}

static void
write_disk(const void *found, size_t count, struct text *text)
{
    const struct host_disk *disks = found;
    for (size_t i = 0; i < count; i++) {
        const struct host_disk *d = &disks[i];
        ADD(text, " 8 %zu %s %" PRIu64 " 0 %" PRIu64 " 0", i, d->name, d->reads,
            d->read_bytes / 512);
        ADD(text, " %" PRIu64 " 0 %" PRIu64 " 0 0 %" PRIu64 " 0\n", d->writes,
            d->written_bytes / 512, d->busy_ms);
    }
}

static const struct reader readers[] = {
    { find_cpu, write_cpu, sizeof(struct host_cpu) },
    { find_memory, write_memory, sizeof(struct host_memory) },
    { find_network, write_network, sizeof(struct host_network) },
    { find_disk, write_disk, sizeof(struct host_disk) },
};

static void *
room_for(const struct reader *reader, size_t count)
{
    unsigned char *room = malloc(count * reader->size + 1);
    FUZZ_REQUIRE(room, "out of memory");
    memset(room, 0, count * reader->size + 1);
    return room;
}

static void
write_found(const struct reader *reader, const void *found, size_t count, struct text *text)
{
    text->len = 0;
    text->bytes[0] = '\0';
    reader->write(found, count, text);
    FUZZ_REQUIRE(text->len < ROOM, "no room");
}

static void
check_reader(const struct reader *reader, char *bytes)
{
    static struct text first;
    static struct text second;
    void *found = room_for(reader, FOUND_MAX);
    size_t n = reader->find(bytes, found, FOUND_MAX);
    size_t written = n < FOUND_MAX ? n : FOUND_MAX;
    write_found(reader, found, written, &first);

    void *fewer = room_for(reader, written / 2); // a sanitizer sees what is written behind it
    FUZZ_REQUIRE(reader->find(bytes, fewer, written / 2) == n, "less room, and other values");
    free(fewer);

    void *again = room_for(reader, FOUND_MAX);
    FUZZ_REQUIRE(reader->find(first.bytes, again, FOUND_MAX) == written, "lost when written:\n%s",
                 first.bytes);
    write_found(reader, again, written, &second);
    FUZZ_REQUIRE(strcmp(first.bytes, second.bytes) == 0, "it became\n%s, not\n%s", second.bytes,
                 first.bytes);

    char *last = strrchr(bytes, '\n');
    char *cut = last ? last + 1 : bytes;
    char held = *cut;
    *cut = '\0';
    FUZZ_REQUIRE(reader->find(bytes, again, FOUND_MAX) == n, "a line that was cut off counts");
    *cut = held;
    free(again);
    free(found);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    FUZZ_REQUIRE(bytes, "out of memory");
    if (size > 0) {
        memcpy(bytes, data, size);
    }
    bytes[size] = '\0';
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        check_reader(&readers[i], bytes);
    }
    free(bytes);
    return 0;
}

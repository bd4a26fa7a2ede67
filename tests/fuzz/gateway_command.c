// SPDX-License-Identifier: Apache-2.0
// A fuzzer of what people type to the gateway: a command, and the options of the command line. Either is
// understood, and then means the same when it is written out and read again, or refused in words; and
// then nothing changes.
#include "command.h"
#include "fail.h"
#include "options.h"
#include "program.h"

#include <string.h>

#define ARGUMENTS_MAX 12
#define LINE_MAX_BYTES 100u // with its end, as the console cuts it

static void
check_complaint(const char *complaint, size_t size)
{
    FUZZ_REQUIRE(memchr(complaint, '\0', size) != NULL, "a complaint has no end");
    FUZZ_REQUIRE(complaint[0] != '\0', "refused without a word");
}

// --- commands ------------------------------------------------------------------------------------

static void
write_command(const struct gateway_command *command, char *text, size_t size)
{
    switch (command->kind) {
    case COMMAND_PAUSE:
        snprintf(text, size, "pause");
        break;
    case COMMAND_RESUME:
        snprintf(text, size, "\tresume ");
        break;
    case COMMAND_QUIT:
        snprintf(text, size, "quit\r");
        break;
    default:
        FUZZ_REQUIRE(command->kind == COMMAND_RATE && command->source < SOURCE_COUNT &&
                         command->rate_hz >= RATE_MIN_HZ && command->rate_hz <= RATE_MAX_HZ,
                     "a command that is none");
        snprintf(text, size, "rate  %s %u", config_source_name(command->source), command->rate_hz);
        break;
    }
}

static void
check_command(const char *line)
{
    struct gateway_command command;
    struct gateway_command before;
    struct gateway_command again;
    char complaint[256] = "";
    char text[64];
    bool is_empty = false;
    memset(&command, 0x5a, sizeof command);
    memset(&before, 0x5a, sizeof before);
    if (!command_parse(line, &command, &is_empty, complaint, sizeof complaint)) {
        bool is_blank = line[strspn(line, " \t\r")] == '\0';
        FUZZ_REQUIRE(is_empty == is_blank, "'%s' is empty or not", line);
        FUZZ_REQUIRE(memcmp(&command, &before, sizeof command) == 0, "a refusal left traces");
        if (!is_empty) {
            check_complaint(complaint, sizeof complaint);
        }
        return;
    }
    FUZZ_REQUIRE(!is_empty, "an empty command is taken");
    write_command(&command, text, sizeof text);
    FUZZ_REQUIRE(command_parse(text, &again, &is_empty, complaint, sizeof complaint),
                 "'%s' is refused: %s", text, complaint);
    FUZZ_REQUIRE(again.kind == command.kind && again.source == command.source &&
                     again.rate_hz == command.rate_hz,
                 "'%s' is another command than '%s'", text, line);
    // A word more is no command.
    snprintf(text + strlen(text), sizeof text - strlen(text), " x");
    FUZZ_REQUIRE(!command_parse(text, &again, &is_empty, complaint, sizeof complaint),
                 "'%s' is taken", text);
}

// --- options -------------------------------------------------------------------------------------

static bool
is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static int
add(char **arguments, int n, const char *name, const char *value)
{
    if (value) {
        size_t size = strlen(name) + strlen(value) + 2;
        arguments[n] = malloc(size);
        FUZZ_REQUIRE(arguments[n], "out of memory");
        snprintf(arguments[n++], size, "%s=%s", name, value);
    }
    return n;
}

static void
check_options_again(const struct options *options)
{
    char *arguments[ARGUMENTS_MAX] = { NULL };
    char seconds[16];
    char slow_ms[16];
    char complaint[OPTIONS_COMPLAINT];
    struct options again;
    snprintf(seconds, sizeof seconds, "%u", options->seconds);
    snprintf(slow_ms, sizeof slow_ms, "%u", options->slow_ms);
    int n = add(arguments, 1, "--db", options->db);
    n = add(arguments, n, "--metrics", options->metrics);
    n = add(arguments, n, "--config", options->config);
    n = add(arguments, n, "--seconds", options->seconds ? seconds : NULL);
    n = add(arguments, n, "--slow-consumer", options->slow_ms ? slow_ms : NULL);
    char help[] = "--help";
    int given = n;
    if (options->wants_help) {
        arguments[n++] = help;
    }
    FUZZ_REQUIRE(options_parse(n, arguments, &again, complaint), "refused again: %s", complaint);
    FUZZ_REQUIRE(is_same(again.db, options->db) && is_same(again.metrics, options->metrics) &&
                     is_same(again.config, options->config) && again.seconds == options->seconds &&
                     again.slow_ms == options->slow_ms && again.wants_help == options->wants_help,
                 "options became others");
    for (int i = 1; i < given; i++) {
        free(arguments[i]);
    }
}

static void
check_options(int count, char **arguments)
{
    struct options options;
    struct options before;
    char complaint[OPTIONS_COMPLAINT] = "";
    memset(&options, 0x5a, sizeof options);
    memset(&before, 0x5a, sizeof before);
    if (!options_parse(count, arguments, &options, complaint)) {
        check_complaint(complaint, sizeof complaint);
        FUZZ_REQUIRE(memcmp(&options, &before, sizeof options) == 0, "a refusal left traces");
        return;
    }
    FUZZ_REQUIRE(!options.db || *options.db, "an empty name is taken");
    FUZZ_REQUIRE(options.slow_ms <= 5000 && options.seconds <= 366u * 24 * 3600, "out of range");
    check_options_again(&options);
}

// Lines of text: each is a command, and all together are the arguments.
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char *arguments[ARGUMENTS_MAX] = { NULL };
    int count = 1;
    FUZZ_REQUIRE(text, "out of memory");
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    for (char *line = text; count < ARGUMENTS_MAX && line; count++) {
        char command[LINE_MAX_BYTES];
        char *end = strchr(line, '\n');
        if (end) {
            *end = '\0';
        }
        snprintf(command, sizeof command, "%s", line);
        check_command(command);
        arguments[count] = line;
        line = end ? end + 1 : NULL;
    }
    check_options(count, arguments);
    free(text);
    return 0;
}

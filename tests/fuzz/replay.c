// SPDX-License-Identifier: Apache-2.0
// Runs a harness on stored inputs, where there is no libFuzzer: each file that is named, each file in
// each folder that is named. Any claim that does not hold ends the program, which names the input.
#define _POSIX_C_SOURCE 200809L
#include "program.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX (1u << 20)

static const char *running;

// A failed claim aborts: say which input it was.
static void
say_input(int signal_number)
{
    (void) signal_number;
    if (running) {
        (void) !write(STDERR_FILENO, "fuzz: the input is ", 19);
        (void) !write(STDERR_FILENO, running, strlen(running));
        (void) !write(STDERR_FILENO, "\n", 1);
    }
}

// The input is copied to memory of just its size, where a sanitizer sees its end.
static int
run_file(const char *path)
{
    static uint8_t room[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        return 1;
    }
    size_t size = fread(room, 1, sizeof room, file);
    fclose(file);
    uint8_t *data = malloc(size + (size == 0));
    if (!data) {
        return 1;
    }
    memcpy(data, room, size);
    running = path;
    int result = LLVMFuzzerTestOneInput(data, size);
    running = NULL;
    free(data);
    return result;
}

static int
run_folder(const char *path, unsigned *count)
{
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    int result = n < 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            result |= run_file(file);
            (*count)++;
        }
        free(entries[i]);
    }
    free(entries);
    return result;
}

int
main(int argc, char **argv)
{
    unsigned count = 0;
    int result = 0;
    signal(SIGABRT, say_input);
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            result |= run_folder(argv[i], &count);
        } else {
            result |= run_file(argv[i]);
            count++;
        }
    }
    printf("replayed %u inputs\n", count);
    return result != 0 || count == 0;
}

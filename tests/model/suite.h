// SPDX-License-Identifier: Apache-2.0
// What the program runs.
#ifndef AIMDB_TESTS_MODEL_SUITE_H
#define AIMDB_TESTS_MODEL_SUITE_H

#include "model.h"

// Runs all litmus tests. Returns how many went wrong.
size_t
suite_litmus(void);

// Explores the scenarios whose names contain the pattern, in all their variants. With no pattern, or
// one that begins with "+", none that takes minutes. Returns how many failed; SIZE_MAX if there is
// none of that name.
size_t
suite_scenarios(const char *pattern, bool trace);

void
suite_list(void);

// What a pattern asks for. `by_name`: only if its name is asked for, as it takes long.
bool
suite_is_wanted(const char *name, bool by_name, const char *pattern);

// Explores one, and prints a line. Returns false if it failed.
bool
suite_explore(const struct model_case *explored, bool trace);

// The same as suite_scenarios for the cases of several records, and for those of static ones.
size_t
suite_several(const char *pattern, bool trace);
void
suite_list_several(void);
size_t
suite_statics(const char *pattern, bool trace);
void
suite_list_statics(void);

#endif

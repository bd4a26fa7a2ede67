// SPDX-License-Identifier: Apache-2.0
// The configuration file: lines of `name = value`, comments after '#'. gateway.conf shows them all.
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "samples.h"

#include <stdio.h>

// config_defaults is what holds where the file says nothing, or where there is no file.
struct host_config
config_defaults(void);

// config_load reads a file over the defaults.
//
// Every mistake is reported, with the file's name and the line's number, through complain. With any
// mistake false is returned and *out is untouched.
typedef void
config_complaint(void *user, const char *text);
bool
config_load(const char *path, struct host_config *out, config_complaint *complain, void *user);

// config_source_name is how files and commands call a source: "cpu". NULL past the last.
const char *
config_source_name(enum source_id id);

// config_find_source finds a source by that name; SOURCE_COUNT when there is none.
enum source_id
config_find_source(const char *name);

// config_parse_rate reads a rate; false unless it is a whole number the sources can do.
bool
config_parse_rate(const char *text, uint32_t *out);

#endif

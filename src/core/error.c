// SPDX-License-Identifier: Apache-2.0
#include <aimdb/base.h>

#include "port.h"

#define TEXT_OF(x) #x
#define VERSION(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *
aimdb_err_name(aimdb_err err)
{
    switch (err) {
#define NAME_OF(name, value, text)                                                                 \
    case AIMDB_##name:                                                                             \
        return "AIMDB_" #name;
        AIMDB_ERRORS(NAME_OF)
    }
    return "AIMDB_EUNKNOWN";
}

const char *
aimdb_err_text(aimdb_err err)
{
    switch (err) {
#define TEXT_FOR(name, value, text)                                                                \
    case AIMDB_##name:                                                                             \
        return text;
        AIMDB_ERRORS(TEXT_FOR)
    }
    return "an unknown error";
}

aimdb_time
aimdb_clock(void)
{
    return aimdbp_clock();
}

const char *
aimdb_version(void)
{
    return VERSION(AIMDB_VERSION_MAJOR, AIMDB_VERSION_MINOR, AIMDB_VERSION_PATCH);
}

// SPDX-License-Identifier: Apache-2.0
#include <aimdb/builder.h>

void
aimdb_builder_report(const aimdb_builder *builder, FILE *out)
{
    if (!out) {
        return;
    }
    for (size_t i = 0; i < aimdb_builder_mistakes(builder); i++) {
        (void) fprintf(out, "aimdb: %s\n", aimdb_builder_mistake(builder, i));
    }
}

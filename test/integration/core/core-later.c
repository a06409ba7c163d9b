// SPDX-License-Identifier: Apache-2.0
/* What the version behind writes into each record beside what we know. */
#include "engine/record.h"

void __real_record_begin(struct strbuf *b);
void __wrap_record_begin(struct strbuf *b);

void __wrap_record_begin(struct strbuf *b)
{
	__real_record_begin(b);
	record_add(b, "x.later", "kept");
}

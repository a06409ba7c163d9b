// SPDX-License-Identifier: Apache-2.0
/* Any bytes as the state that another init left: read without harm, and what was read is written
 * and read again the same. */
#include "init/init.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct init_state first;
	int differs = 0, fd, r = state_parse((const char *) data, size);

	if (st.core_state < 0 || st.core_state >= CORE_STATE_MAX ||
	    st.exit_last - st.exit_acked > EXITS_MAX || st.exit_last < st.exit_acked ||
	    st.core_pid < 0 || st.core_pid == 1)
		__builtin_trap();
	first = st;
	fd = state_save();
	if (fd < 0)
		return 0;
	/* A damaged state may lack exits that its counters promise; those read as slots of before.
	 */
	if (r == 0) {
		if (state_load(fd) != 0)
			__builtin_trap();
#define SAME_NUM(field)        differs |= st.field != first.field;
#define SAME_TEXT(field, size) differs |= strcmp(st.field, first.field);
		STATE_FIELDS(SAME_NUM, SAME_NUM, SAME_TEXT)
		if (differs)
			__builtin_trap();
	}
	close(fd);
	state_reset();
	return 0;
}

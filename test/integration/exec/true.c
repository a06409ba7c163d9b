// SPDX-License-Identifier: Apache-2.0
/* The least a program can do; for measuring what starting it costs. */
int main(void)
{
	return 0;
}

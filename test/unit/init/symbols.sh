#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh OBJECT...: none of init's objects may ask for an allocator, stdio, a resolver, name services or the locale.
# (A static C library links some of these for itself; what counts is what we call.)
banned='malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|aligned_alloc|posix_memalign|mmap64_alloc'
banned="$banned|.*printf|_IO_.*|fopen|fdopen|fclose|fread|fwrite|fgets|fputs|puts|putchar|getline|std(in|out|err)|perror"
banned="$banned|getaddrinfo|gethostby.*|res_.*|getpw.*|getgr.*|getnam.*|dlopen|setlocale|opendir|readdir|system|popen"
banned="$banned|sleep|usleep|syslog|openlog|atexit|exit|pthread_.*|qsort|getmntent|setmntent|strerror|strtol.*|sscanf"
# CTest hands over a list as one word.
# shellcheck disable=SC2046
set -- $(echo "$@" | tr ';' ' ')
[ $# -gt 10 ] || { echo "too few objects: $#"; exit 1; }
# Fortified names (__snprintf_chk) are the same functions.
found=$(nm -A -u "$@" | awk '{ s = $NF; sub(/@.*/, "", s); n = s; sub(/^__/, "", n); sub(/_chk$/, "", n); print $1, s, n }' |
	grep -E " ($banned)\$")
[ -n "$found" ] && { echo "$found"; exit 1; }
echo "$# objects, none of the banned symbols"

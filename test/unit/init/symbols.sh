#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh STAGE-OBJECT... --permanent OBJECT...: none of init's objects may ask for an allocator, stdio, a resolver, name services or the locale.
# (A static C library links some of these for itself; what counts is what we call.)
banned='malloc|calloc|realloc|reallocarray|free|strdup|strndup|asprintf|aligned_alloc|posix_memalign|mmap64_alloc'
banned="$banned|.*printf|_IO_.*|fopen|fdopen|fclose|fread|fwrite|fgets|fputs|puts|putchar|getline|std(in|out|err)|perror"
banned="$banned|getaddrinfo|gethostby.*|res_.*|getpw.*|getgr.*|getnam.*|dlopen|setlocale|opendir|readdir|system|popen"
banned="$banned|sleep|usleep|syslog|openlog|atexit|exit|pthread_.*|qsort|getmntent|setmntent|strerror|strtol.*|sscanf"
# And the permanent part calls no stage: what the objects behind --permanent ask for, those before it do not have.
# CTest hands over a list as one word.
# shellcheck disable=SC2046
set -- $(echo "$@" | tr ';' ' ')
stages='' permanent='' seen=stages
for object in "$@"; do
	case $object in
	--permanent) seen=permanent ;;
	*) if [ $seen = stages ]; then stages="$stages $object"; else permanent="$permanent $object"; fi ;;
	esac
done
# shellcheck disable=SC2086
set -- $stages $permanent
[ $# -gt 10 ] && [ -n "$stages" ] || { echo "too few objects: $#"; exit 1; }
# Fortified names (__snprintf_chk) are the same functions.
found=$(nm -A -u "$@" | awk '{ s = $NF; sub(/@.*/, "", s); n = s; sub(/^__/, "", n); sub(/_chk$/, "", n); print $1, s, n }' |
	grep -E " ($banned)\$")
[ -n "$found" ] && { echo "$found"; exit 1; }
# shellcheck disable=SC2086
calls=$({ nm -g --defined-only $stages | awk 'NF == 3 { print "has", $3 }'; nm -A -u $permanent | awk '{ print $1, $NF }'; } |
	awk '$1 == "has" { has[$2] = 1; next } has[$2]')
[ -n "$calls" ] && { echo "the permanent part calls a stage: $calls"; exit 1; }
echo "$# objects, none of the banned symbols, no call of a stage"

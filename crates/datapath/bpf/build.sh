#!/bin/sh
# Makes equalnet.bpf.o from its source: the same bytes from any directory. Needs clang-19, llvm-strip-19, libbpf-dev.
# Usage: build.sh OUTPUT
set -eu
output=$(realpath -m "$1")
cd "$(dirname "$0")"
clang-19 -g -O2 -Wall -Wextra -Werror -target bpf -mcpu=v3 -ffile-prefix-map="$PWD"=. \
    -idirafter /usr/include/"$(uname -m)"-linux-gnu -c equalnet.bpf.c -o "$output"
llvm-strip-19 -g "$output"

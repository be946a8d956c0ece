#!/bin/sh
# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# install - what `cmake --install` lays down is enough to write a function outside the tree:
# by pkg-config, by CMake and in C++, linked with nothing left open.
#
# usage: test_install.sh SOURCE_DIR BUILD_DIR

set -eu

build=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "install: $*" >&2
    exit 1
}

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" 2>&1 || {
    cat "$work/install.log" >&2
    fail "cmake --install failed"
}
weir=$work/prefix/bin/weir
[ -x "$weir" ] || fail "no bin/weir"
"$weir" --version >"$work/version" || fail "the installed weir does not start"

cat >"$work/hello.c" <<'END'
#include <weir/handler.h>

static weir_verdict hello(void *state, const weir_event *ev, weir_call *call)
{
    weir_output out;

    (void)state;
    out.to = NULL;
    out.key = weir_event_key(ev);
    out.data = weir_event_data(ev);
    out.headers = NULL;
    out.n_headers = 0;
    out.tombstone = false;
    if (weir_emit(call, &out) != 0) {
        return weir_retry(call, -1, "not emitted");
    }
    return WEIR_DONE;
}

static const weir_function functions[] = {
    { .name = "hello", .about = "says it again", .version = "1.0.0", .handle = hello },
};
WEIR_FUNCTIONS(functions);
END

# By pkg-config, as a user's own build would.
flags=$(PKG_CONFIG_PATH=$(find "$work/prefix" -type d -name pkgconfig) pkg-config --cflags weir-handler)
[ -n "$flags" ] || fail "weir-handler.pc names no folder"
# shellcheck disable=SC2086
cc -std=c11 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden $flags \
    -o "$work/hello.so" "$work/hello.c" -Wl,-z,defs || fail "a function does not link with -z defs"

# By CMake.
mkdir "$work/by-cmake"
cp "$work/hello.c" "$work/by-cmake"
cat >"$work/by-cmake/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(hello C)
find_package(weir 0.1 REQUIRED)
add_library(hello MODULE hello.c)
target_link_libraries(hello PRIVATE weir::handler)
target_link_options(hello PRIVATE -Wl,-z,defs)
END
if ! { cmake -S "$work/by-cmake" -B "$work/by-cmake/build" -DCMAKE_PREFIX_PATH="$work/prefix" &&
    cmake --build "$work/by-cmake/build"; } >"$work/cmake.log" 2>&1; then
    cat "$work/cmake.log" >&2
    fail "a CMake project that finds weir does not build"
fi

# The header in C++17, without a warning.
cat >"$work/hello.cpp" <<'END'
#include <weir/handler.h>

static weir_verdict hello(void *, const weir_event *ev, weir_call *call)
{
    weir_output out = {};

    out.data = weir_event_data(ev);
    return weir_emit(call, &out) == 0 ? WEIR_DONE : WEIR_RETRY;
}

static const weir_function functions[] = { [] {
    weir_function f = {};

    f.name = "hello";
    f.about = "says it again";
    f.handle = hello;
    return f;
}() };
WEIR_FUNCTIONS(functions);
END
# shellcheck disable=SC2086
c++ -std=c++17 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden $flags \
    -o "$work/hello-cpp.so" "$work/hello.cpp" -Wl,-z,defs || fail "a function in C++17 does not build"

# And the installed worker runs what was built against the installed header.
cat >"$work/weir.yaml" <<END
worker: { name: hello }
queues:
  kafka: { type: kafka, brokers: "127.0.0.1:9" }
functions:
  hello: { library: ./hello.so }
  hello_cmake: { library: ./by-cmake/build/libhello.so, symbol: hello }
  hello_cpp: { library: ./hello-cpp.so, symbol: hello }
subscriptions:
  - { function: hello, from: "kafka:greetings", start: earliest, to: "kafka:answers" }
END
for file in share/man/man1/weir.1 share/bash-completion/completions/weir \
    share/zsh/site-functions/_weir share/fish/vendor_completions.d/weir.fish; do
    [ -s "$work/prefix/$file" ] || fail "no $file"
done
"$weir" functions -c "$work/weir.yaml" >"$work/list" 2>"$work/err" || {
    cat "$work/list" "$work/err" >&2
    fail "weir functions failed"
}
for function in hello hello_cmake hello_cpp; do
    grep -q "^$function .*says it again" "$work/list" || {
        cat "$work/list" "$work/err" >&2
        fail "$function is not listed"
    }
    printf 'good evening' >"$work/event"
    "$weir" invoke -c "$work/weir.yaml" "$function" --format raw --event "$work/event" \
        >"$work/out" 2>"$work/err" || {
        cat "$work/out" "$work/err" >&2
        fail "weir invoke $function failed"
    }
    grep -q 'good evening' "$work/out" || {
        cat "$work/out" "$work/err" >&2
        fail "$function did not say it again"
    }
done

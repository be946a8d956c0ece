# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# WeirFlags - language, warnings, sanitizers and hardening, as the target `weir_flags`.
#
# Every flag that not all supported compilers know is probed, never assumed.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(weir_flags INTERFACE)
target_compile_definitions(weir_flags INTERFACE _GNU_SOURCE)
target_compile_options(weir_flags INTERFACE
    -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes
    $<$<BOOL:${WEIR_WERROR}>:-Werror>
    # Paths in messages and debug information do not depend on where the checkout lies.
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)
target_link_libraries(weir_flags INTERFACE Threads::Threads)

if(WEIR_SANITIZE)
    add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${WEIR_SANITIZE})
endif()

if(WEIR_SANITIZE MATCHES "thread")
    # Every program takes these definitions before those of the C library; see the file.
    add_library(weir_tsan_threads STATIC "${PROJECT_SOURCE_DIR}/tests/support/tsan/threads.c")
    target_link_libraries(weir_flags INTERFACE weir_tsan_threads)
    target_link_options(weir_flags INTERFACE "LINKER:-u,thrd_create,-u,thrd_join,-u,thrd_detach")
endif()

if(WEIR_COVERAGE)
    # Threads count together, and workers that are ended by _exit() count too; see the file.
    add_compile_options(--coverage -fprofile-update=atomic)
    add_link_options(--coverage)
    add_library(weir_coverage_exit STATIC "${PROJECT_SOURCE_DIR}/tests/support/coverage/exit.c")
    target_compile_definitions(weir_coverage_exit PRIVATE _GNU_SOURCE)
    target_link_libraries(weir_flags INTERFACE weir_coverage_exit)
    target_link_options(weir_flags INTERFACE "LINKER:-u,_exit")
endif()

# The program is optimised as a whole: an event passes through many small functions of many
# files. Objects hold both forms, so that tests link as fast as ever; what counts the
# instructions of an event (weir-bench-engine) is linked as the program is.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT WEIR_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_options(weir_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:-flto> $<$<COMPILE_LANGUAGE:C>:-ffat-lto-objects>)
    target_link_options(weir_flags INTERFACE
        $<IF:$<IN_LIST:$<TARGET_PROPERTY:NAME>,weir$<SEMICOLON>weir-bench-engine>,-flto=auto,-fno-lto>)
endif()

# Adds a compiler flag to everything if the compiler accepts it.
function(weir_probe_compile flag)
    string(MAKE_C_IDENTIFIER "WEIR_HAS${flag}" var)
    check_c_compiler_flag("-Werror ${flag}" ${var})
    if(${var})
        target_compile_options(weir_flags INTERFACE ${flag})
    endif()
endfunction()

# Adds a linker flag to everything if the linker accepts it.
function(weir_probe_link flag)
    string(MAKE_C_IDENTIFIER "WEIR_LINKS${flag}" var)
    check_linker_flag(C "${flag}" ${var})
    if(${var})
        target_link_options(weir_flags INTERFACE ${flag})
    endif()
endfunction()

if(WEIR_HARDEN)
    # The OpenSSF list for C. Not -z nodlopen: functions come as shared objects. The bare
    # -U is for compilers that define a level of their own.
    foreach(flag
            -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
            -mbranch-protection=standard -ftrivial-auto-var-init=zero
            -fstrict-flex-arrays=3 -fno-delete-null-pointer-checks -fno-strict-overflow)
        weir_probe_compile(${flag})
    endforeach()
    foreach(level 3 2)
        check_c_compiler_flag("-Werror -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level}" WEIR_HAS_FORTIFY_${level})
        if(WEIR_HAS_FORTIFY_${level})
            target_compile_options(weir_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${level})
            break()
        endif()
    endforeach()
    foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed -Wl,--no-copy-dt-needed-entries)
        weir_probe_link(${flag})
    endforeach()
    include(CheckPIESupported)
    check_pie_supported(LANGUAGES C)
endif()

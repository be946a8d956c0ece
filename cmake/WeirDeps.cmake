# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# WeirDeps - the libraries weir stands on, as pkg-config targets.
#
# Where the distribution has no package for one of them, `./dev setup` unpacks it into
# WEIR_DEPS_DIR; that place is asked first and may be empty.

if(DEFINED ENV{WEIR_CACHE_DIR})
    set(WEIR_CACHE_DIR "$ENV{WEIR_CACHE_DIR}")
else()
    set(WEIR_CACHE_DIR "${PROJECT_SOURCE_DIR}/.cache")
endif()
set(WEIR_DEPS_DIR "${WEIR_CACHE_DIR}/deps" CACHE PATH "Where ./dev setup unpacks libraries")

file(GLOB weir_deps_pc LIST_DIRECTORIES true CONFIGURE_DEPENDS "${WEIR_DEPS_DIR}/usr/lib/*/pkgconfig")
foreach(dir IN LISTS weir_deps_pc)
    set(ENV{PKG_CONFIG_PATH} "${dir}:$ENV{PKG_CONFIG_PATH}")
endforeach()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka>=2.0.2)
pkg_check_modules(HIREDIS REQUIRED IMPORTED_TARGET hiredis>=0.14)
pkg_search_module(MSGPACK REQUIRED IMPORTED_TARGET msgpack-c msgpackc msgpack)
if(TARGET PkgConfig::MSGPACK)
    # Debian 13's msgpack-c.pc says -Iinclude; its headers are in the compiler's own path.
    get_target_property(weir_dirs PkgConfig::MSGPACK INTERFACE_INCLUDE_DIRECTORIES)
    if(weir_dirs)
        list(FILTER weir_dirs INCLUDE REGEX "^/")
        set_target_properties(PkgConfig::MSGPACK PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${weir_dirs}")
    endif()
endif()
pkg_check_modules(YYJSON REQUIRED IMPORTED_TARGET yyjson>=0.8)
pkg_check_modules(FYAML REQUIRED IMPORTED_TARGET libfyaml>=0.7)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd>=0.9.70)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)
if(BUILD_TESTING)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
endif()

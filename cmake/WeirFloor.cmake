# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# WeirFloor - one floor of the house as a static library.
#
# weir_floor(NAME [LINK target...])
#
# Makes the library NAME of all *.c of the calling folder, linked to the floors and
# libraries below it. Files are taken in sorted order, so that two builds of one tree are
# alike; a new file is picked up by the next build.

function(weir_floor name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
    file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.c")
    list(SORT sources)
    if(sources)
        add_library(${name} STATIC ${sources})
        target_link_libraries(${name} PUBLIC weir_flags weir_inside ${arg_LINK})
    else()
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE weir_flags weir_inside ${arg_LINK})
    endif()
endfunction()

# How our own code sees the tree: paths from the root, <weir/handler.h> for its types only.
add_library(weir_inside INTERFACE)
target_compile_definitions(weir_inside INTERFACE WEIR_INSIDE WEIR_VERSION="${PROJECT_VERSION}")
target_include_directories(weir_inside INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/handlers")

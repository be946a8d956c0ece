# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
#
# WeirInstall - what `cmake --install` puts where.
#
# For operators: bin/weir (its man page and completions: worker/CMakeLists.txt). For authors of functions:
# include/weir/handler.h, a pkg-config file and the CMake target weir::handler.

include(CMakePackageConfigHelpers)

set(weir_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/weir")

add_library(weir_handler INTERFACE)
add_library(weir::handler ALIAS weir_handler)
set_target_properties(weir_handler PROPERTIES EXPORT_NAME handler)
target_compile_features(weir_handler INTERFACE c_std_11)
target_include_directories(weir_handler INTERFACE
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/handlers>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

if(TARGET weir)
    install(TARGETS weir RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/handlers/weir" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h")
install(TARGETS weir_handler EXPORT weir)
install(EXPORT weir NAMESPACE weir:: FILE weirTargets.cmake DESTINATION "${weir_cmake_dir}")

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/weirConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/weirConfig.cmake" INSTALL_DESTINATION "${weir_cmake_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/weirConfigVersion.cmake"
    COMPATIBILITY SameMajorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/weirConfig.cmake" "${PROJECT_BINARY_DIR}/weirConfigVersion.cmake"
    DESTINATION "${weir_cmake_dir}")

configure_file("${PROJECT_SOURCE_DIR}/cmake/weir-handler.pc.in" "${PROJECT_BINARY_DIR}/weir-handler.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/weir-handler.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# A library that ./dev setup unpacked is nobody's package: weir brings it along.
if(TARGET weir AND weir_deps_pc)
    file(GLOB weir_deps_libs "${WEIR_DEPS_DIR}/usr/lib/*/*.so.[0-9]*")
    install(FILES ${weir_deps_libs} DESTINATION "${CMAKE_INSTALL_LIBDIR}/weir")
    set_target_properties(weir PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/weir")
endif()

# SPDX-License-Identifier: Apache-2.0
# The library aimdb-uv: the executor for libuv loops.
find_package(PkgConfig)
if(PkgConfig_FOUND)
    pkg_check_modules(AIMDB_LIBUV QUIET IMPORTED_TARGET libuv)
endif()
if(NOT TARGET PkgConfig::AIMDB_LIBUV)
    message(FATAL_ERROR "aimdb: AIMDB_BUILD_UV needs pkg-config and libuv (Debian: pkg-config libuv1-dev)")
endif()
# What `pkg-config --static aimdb-uv` links. Debian's libuv.pc has a shared library only.
pkg_check_modules(AIMDB_LIBUV_STATIC QUIET libuv-static)
set(AIMDB_PC_LIBUV libuv)
if(AIMDB_LIBUV_STATIC_FOUND)
    set(AIMDB_PC_LIBUV libuv-static)
endif()

add_library(aimdb_uv_objects OBJECT src/executor/uv/uv.c)
target_include_directories(aimdb_uv_objects PRIVATE include src)
target_compile_options(aimdb_uv_objects PRIVATE ${AIMDB_WARNINGS} -fno-semantic-interposition)
target_link_libraries(aimdb_uv_objects PRIVATE PkgConfig::AIMDB_LIBUV)

add_library(aimdb_uv_static STATIC $<TARGET_OBJECTS:aimdb_uv_objects>)
add_library(aimdb_uv SHARED $<TARGET_OBJECTS:aimdb_uv_objects>)
set_target_properties(aimdb_uv PROPERTIES VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/src/aimdb-uv.map)
target_link_options(aimdb_uv PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/src/aimdb-uv.map)
set_target_properties(aimdb_uv aimdb_uv_static PROPERTIES OUTPUT_NAME aimdb-uv)
set_target_properties(aimdb_uv PROPERTIES EXPORT_NAME uv)
set_target_properties(aimdb_uv_static PROPERTIES EXPORT_NAME uv_static)
target_link_libraries(aimdb_uv PUBLIC aimdb PRIVATE PkgConfig::AIMDB_LIBUV Threads::Threads)
target_link_libraries(aimdb_uv_static PUBLIC aimdb_static PkgConfig::AIMDB_LIBUV)
add_library(aimdb::uv ALIAS aimdb_uv)
add_library(aimdb::uv_static ALIAS aimdb_uv_static)

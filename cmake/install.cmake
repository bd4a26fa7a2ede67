# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts in place: both libraries, the headers, a CMake package, a pkg-config
# file, and the manual. Wants the targets aimdb and aimdb_static, and GNUInstallDirs included.

include(CMakePackageConfigHelpers)

set(aimdb_headers_left_out)
if(NOT AIMDB_BUILD_UV)
    set(aimdb_headers_left_out PATTERN "uv.h" EXCLUDE)
endif()
set(aimdb_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/aimdb")

install(
    TARGETS aimdb aimdb_static
    EXPORT aimdbTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
)
install(
    DIRECTORY "${PROJECT_SOURCE_DIR}/include/aimdb"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING
    PATTERN "*.h"
    ${aimdb_headers_left_out}
)

# CMake package. Before 1.0 a minor release may break its users (Semantic Versioning 2.0.0, 4).
install(
    EXPORT aimdbTargets
    NAMESPACE aimdb::
    DESTINATION "${aimdb_package_dir}"
)
configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/aimdbConfig.cmake.in" "${PROJECT_BINARY_DIR}/aimdbConfig.cmake"
    INSTALL_DESTINATION "${aimdb_package_dir}"
    NO_SET_AND_CHECK_MACRO
)
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(aimdb_compatibility SameMinorVersion)
else()
    set(aimdb_compatibility SameMajorVersion)
endif()
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/aimdbConfigVersion.cmake"
    COMPATIBILITY ${aimdb_compatibility}
)
install(
    FILES "${PROJECT_BINARY_DIR}/aimdbConfig.cmake" "${PROJECT_BINARY_DIR}/aimdbConfigVersion.cmake"
    DESTINATION "${aimdb_package_dir}"
)

# pkg-config. Directories that were given as absolute paths stay where they are.
set(AIMDB_PC_LIBDIR "${CMAKE_INSTALL_FULL_LIBDIR}")
set(AIMDB_PC_INCLUDEDIR "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
set(AIMDB_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    file(RELATIVE_PATH AIMDB_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" AIMDB_PC_PREFIX "${AIMDB_PC_PREFIX}")
    string(PREPEND AIMDB_PC_PREFIX "\${pcfiledir}/")
    set(AIMDB_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(NOT IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(AIMDB_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(
    "${PROJECT_SOURCE_DIR}/cmake/aimdb.pc.in" "${PROJECT_BINARY_DIR}/aimdb.pc" @ONLY
)
install(
    FILES "${PROJECT_BINARY_DIR}/aimdb.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
)

# The component uv.
if(AIMDB_BUILD_UV)
    install(
        TARGETS aimdb_uv aimdb_uv_static
        EXPORT aimdbUvTargets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    )
    install(EXPORT aimdbUvTargets NAMESPACE aimdb:: DESTINATION "${aimdb_package_dir}")
    configure_file(
        "${PROJECT_SOURCE_DIR}/cmake/aimdb-uv.pc.in" "${PROJECT_BINARY_DIR}/aimdb-uv.pc" @ONLY
    )
    install(
        FILES "${PROJECT_BINARY_DIR}/aimdb-uv.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig"
    )
endif()

# The manual, made from the headers.
if(AIMDB_BUILD_REFERENCE)
    find_package(Python3 COMPONENTS Interpreter)
    if(NOT Python3_Interpreter_FOUND)
        message(FATAL_ERROR "aimdb: AIMDB_BUILD_REFERENCE needs python3 (Debian: python3)")
    endif()
    set(aimdb_reference "${PROJECT_BINARY_DIR}/reference")
    file(GLOB aimdb_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/aimdb/*.h")
    add_custom_command(
        OUTPUT "${aimdb_reference}/html/index.html"
        COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/scripts/reference" "${aimdb_reference}"
        DEPENDS
            ${aimdb_headers}
            "${PROJECT_SOURCE_DIR}/scripts/reference"
            "${PROJECT_SOURCE_DIR}/scripts/contracts"
        COMMENT "Making the man pages and the HTML reference"
        VERBATIM
    )
    add_custom_target(reference ALL DEPENDS "${aimdb_reference}/html/index.html")
    install(DIRECTORY "${aimdb_reference}/man/" DESTINATION "${CMAKE_INSTALL_MANDIR}")
    install(DIRECTORY "${aimdb_reference}/html" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
endif()

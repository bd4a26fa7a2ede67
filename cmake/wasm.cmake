# SPDX-License-Identifier: Apache-2.0
# Modules for browsers and node, built by the host's build with clang alone: no toolchain file, no
# emscripten, no libc; each module is one command.
#
#   aimdb_wasm(NAME SOURCES file... [DATABASE name] [MEMORY bytes]
#       [OPTIONS option...])
#
# makes NAME.wasm in the current binary directory, in `all`. DATABASE is the name that AIMDB_STATIC_DB
# has in the sources; without it, db. MEMORY is all that the module ever has, a multiple of 65536;
# without it, 131072, which leaves 32 KB for records. If it does not do, the linker says so.

find_program(AIMDB_WASM_CLANG NAMES clang)
find_program(AIMDB_WASM_LD NAMES wasm-ld)
find_program(AIMDB_NODE NAMES node nodejs)
set(missing)
foreach(tool AIMDB_WASM_CLANG:clang AIMDB_WASM_LD:lld)
    string(REPLACE ":" ";" tool ${tool})
    list(GET tool 0 variable)
    list(GET tool 1 package)
    if(NOT ${variable})
        list(APPEND missing ${package})
    endif()
endforeach()
if(AIMDB_BUILD_TESTS AND NOT AIMDB_NODE)
    list(APPEND missing nodejs)
endif()
if(missing)
    list(JOIN missing " " missing)
    message(FATAL_ERROR "aimdb: AIMDB_BUILD_WASM needs Debian's packages ${missing}")
endif()

# The stack comes first, so that running over its end traps. It has room for the largest values.
function(aimdb_wasm name)
    cmake_parse_arguments(PARSE_ARGV 1 module "" "DATABASE;MEMORY" "SOURCES;OPTIONS")
    if(NOT module_DATABASE)
        set(module_DATABASE db)
    endif()
    if(NOT module_MEMORY)
        set(module_MEMORY 131072)
    endif()
    file(GLOB headers CONFIGURE_DEPENDS ${aimdb_SOURCE_DIR}/include/aimdb/*.h
        ${aimdb_SOURCE_DIR}/src/core/*.h ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
    set(sources ring latest pull statics small figures error scratch copy_one_core)
    list(TRANSFORM sources PREPEND ${aimdb_SOURCE_DIR}/src/core/)
    list(TRANSFORM sources APPEND .c)
    list(APPEND sources ${aimdb_SOURCE_DIR}/src/port/wasm/port.c
        ${aimdb_SOURCE_DIR}/src/port/wasm/module.c)
    foreach(source ${module_SOURCES})
        get_filename_component(source ${source} ABSOLUTE)
        list(APPEND sources ${source})
    endforeach()
    set(wasm ${CMAKE_CURRENT_BINARY_DIR}/${name}.wasm)
    add_custom_command(
        OUTPUT ${wasm}
        COMMAND ${AIMDB_WASM_CLANG} --target=wasm32 -mbulk-memory -mnontrapping-fptoint -std=c11 -Os
            -ffreestanding -fvisibility=hidden -ffunction-sections -fdata-sections
            -pedantic -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror
            -DAIMDB_ONE_CORE -DAIMDB_STATIC_BUILD -DAIMDB_WASM_DATABASE=${module_DATABASE}
            -I${aimdb_SOURCE_DIR}/include -I${aimdb_SOURCE_DIR}/src ${module_OPTIONS} ${sources}
            -nostdlib -fuse-ld=${AIMDB_WASM_LD} -Wl,--no-entry -Wl,--export-dynamic -Wl,--strip-all
            -Wl,--fatal-warnings -Wl,--stack-first -Wl,-z,stack-size=98304
            -Wl,--initial-memory=${module_MEMORY} -Wl,--max-memory=${module_MEMORY} -o ${wasm}
        DEPENDS ${sources} ${headers}
        COMMENT "Building WebAssembly module ${name}"
        VERBATIM
    )
    add_custom_target(wasm_${name} ALL DEPENDS ${wasm})
endfunction()

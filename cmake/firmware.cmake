# SPDX-License-Identifier: Apache-2.0
# Firmware for boards, built by the host's build: no toolchain file, each image is one command.
#
#   aimdb_firmware(NAME BOARDS board... SOURCES file... [CORE] [INCLUDES folder...] [OPTIONS option...]
#       [TEST [argument of scripts/qemu...]])
#
# makes NAME-<board>.elf for each board in the current binary directory, in `all`, with CORE from the
# library's sources of one core (AIMDB_ONE_CORE_SOURCES) as well. With TEST each one is the test
# qemu.NAME.<board>, label qemu: it passes when the image ends with status 0. The boards are those of
# scripts/qemu; AIMDB_BOARDS has all of them.

set(AIMDB_BOARDS
    mps2-an385 mps2-an505 stm32vldiscovery netduinoplus2 microbit riscv32-virt riscv64-virt)
set(AIMDB_ONE_CORE_SOURCES ring latest pull statics small figures error scratch copy_one_core)
list(TRANSFORM AIMDB_ONE_CORE_SOURCES REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/core/\\1.c")
set(AIMDB_FIRMWARE_WARNINGS -pedantic -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Werror)

find_program(AIMDB_ARM_GCC arm-none-eabi-gcc)
find_program(AIMDB_RISCV_GCC riscv64-unknown-elf-gcc)
find_program(AIMDB_QEMU_ARM qemu-system-arm)
find_program(AIMDB_QEMU_RISCV qemu-system-riscv32)
set(missing)
foreach(tool AIMDB_ARM_GCC:gcc-arm-none-eabi AIMDB_RISCV_GCC:gcc-riscv64-unknown-elf
        AIMDB_QEMU_ARM:qemu-system-arm AIMDB_QEMU_RISCV:qemu-system-misc)
    string(REPLACE ":" ";" tool ${tool})
    list(GET tool 0 variable)
    list(GET tool 1 package)
    if(NOT ${variable})
        list(APPEND missing ${package})
    endif()
endforeach()
if(missing)
    list(JOIN missing " " missing)
    message(FATAL_ERROR "aimdb: AIMDB_BUILD_FIRMWARE needs Debian's packages ${missing}")
endif()

# What a board is: board_port, and how its images are made, board_compile and board_link.
function(aimdb_board board)
    set(gcc ${AIMDB_ARM_GCC})
    set(port cortex-m)
    set(script ${board})
    if(board STREQUAL "mps2-an385")
        set(cpu -mcpu=cortex-m3)
        set(clock_hz 25000000)
    elseif(board STREQUAL "mps2-an505")
        set(cpu -mcpu=cortex-m33 -mfloat-abi=hard -mfpu=fpv5-sp-d16)
        set(clock_hz 20000000)
    elseif(board STREQUAL "stm32vldiscovery")
        set(cpu -mcpu=cortex-m3)
        set(clock_hz 24000000)
    elseif(board STREQUAL "netduinoplus2")
        set(cpu -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16)
        set(clock_hz 168000000)
    elseif(board STREQUAL "microbit")
        set(cpu -mcpu=cortex-m0)
        set(clock_hz 16000000)
    elseif(board MATCHES "^riscv(32|64)-virt$")
        set(gcc ${AIMDB_RISCV_GCC})
        set(port riscv)
        set(script riscv-virt)
        set(abi_32 ilp32)
        set(abi_64 lp64)
        set(cpu -misa-spec=2.2 -march=rv${CMAKE_MATCH_1}imac -mabi=${abi_${CMAKE_MATCH_1}}
            -mcmodel=medany)
        set(clock_hz 10000000)
    else()
        message(FATAL_ERROR "aimdb: no board '${board}'; there are ${AIMDB_BOARDS}")
    endif()
    if(port STREQUAL "cortex-m")
        list(APPEND cpu -mthumb)
    endif()
    set(folder ${PROJECT_SOURCE_DIR}/examples/firmware/boards)
    set(board_compile ${gcc} ${cpu} -std=c11 -Os -ffreestanding -ffunction-sections -fdata-sections
        ${AIMDB_FIRMWARE_WARNINGS} -DAIMDB_ONE_CORE -DAIMDB_STATIC_BUILD -DBOARD_NAME="${board}"
        -DBOARD_CLOCK_HZ=${clock_hz} -I${PROJECT_SOURCE_DIR}/include -I${PROJECT_SOURCE_DIR}/src
        -I${folder} PARENT_SCOPE)
    set(board_link -nostdlib -nostartfiles -Wl,--gc-sections -Wl,--fatal-warnings -L${folder}
        -T${folder}/${script}.ld PARENT_SCOPE)
    foreach(variable gcc cpu clock_hz port script)
        set(board_${variable} ${${variable}} PARENT_SCOPE)
    endforeach()
endfunction()

# Writes for scripts how images are made: of each board its name and port, in brackets, the compiler,
# its options one a line, "link", and those for linking.
function(aimdb_write_boards file)
    set(text)
    foreach(board ${AIMDB_BOARDS})
        aimdb_board(${board})
        list(JOIN board_compile "\n" compile)
        list(JOIN board_link "\n" link)
        string(APPEND text "[${board} ${board_port}]\n${compile}\nlink\n${link}\n")
    endforeach()
    file(CONFIGURE OUTPUT ${file} CONTENT "${text}" @ONLY)
endfunction()

function(aimdb_firmware name)
    cmake_parse_arguments(PARSE_ARGV 1 image "CORE" "" "BOARDS;SOURCES;INCLUDES;OPTIONS;TEST")
    set(boards_folder ${PROJECT_SOURCE_DIR}/examples/firmware/boards)
    file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/aimdb/*.h
        ${PROJECT_SOURCE_DIR}/src/core/*.h ${boards_folder}/*.h ${boards_folder}/*.ld
        ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
    list(TRANSFORM image_INCLUDES PREPEND -I)
    foreach(board ${image_BOARDS})
        aimdb_board(${board})
        set(sources ${boards_folder}/${board_port}.c ${boards_folder}/memory.c
            ${PROJECT_SOURCE_DIR}/src/port/${board_port}/port.c)
        if(image_CORE)
            list(APPEND sources ${AIMDB_ONE_CORE_SOURCES})
        endif()
        foreach(source ${image_SOURCES})
            get_filename_component(source ${source} ABSOLUTE)
            list(APPEND sources ${source})
        endforeach()
        set(elf ${CMAKE_CURRENT_BINARY_DIR}/${name}-${board}.elf)
        add_custom_command(
            OUTPUT ${elf}
            COMMAND ${board_compile} ${image_INCLUDES} ${image_OPTIONS} ${sources} ${board_link} -lgcc
                -o ${elf}
            DEPENDS ${sources} ${headers}
            COMMENT "Building firmware ${name} for ${board}"
            VERBATIM
        )
        list(APPEND elves ${elf})
        if("TEST" IN_LIST ARGN)
            add_test(NAME qemu.${name}.${board}
                COMMAND ${PROJECT_SOURCE_DIR}/scripts/qemu ${board} ${elf} ${image_TEST})
            set_tests_properties(qemu.${name}.${board} PROPERTIES TIMEOUT 90 LABELS qemu)
        endif()
    endforeach()
    add_custom_target(firmware_${name} ALL DEPENDS ${elves})
endfunction()

# SPDX-License-Identifier: Apache-2.0
# The words in which a room's CMakeLists.txt says what it holds.
find_package(PkgConfig REQUIRED)


# house_library(NAME LINKS lib... [PRIVATE_LINKS lib...] SOURCES file...)
# A room of the house. LINKS are what users of its header need, too.
function(house_library name)
  cmake_parse_arguments(arg "" "" "LINKS;PRIVATE_LINKS;SOURCES" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/.. ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE ${arg_PRIVATE_LINKS})
endfunction()

# house_program(NAME LINKS lib... SOURCES file... [DESTINATION dir] [COMPONENT name])
# Programs go to lib/sysmaster unless told otherwise; together these make one version of the system. A COMPONENT is a
# package of its own (cmake/Package.cmake).
function(house_program name)
  cmake_parse_arguments(arg "" "DESTINATION;COMPONENT" "LINKS;SOURCES" ${ARGN})
  if(NOT arg_COMPONENT)
    set(arg_COMPONENT Unspecified)
  endif()
  if(NOT arg_DESTINATION)
    set(arg_DESTINATION lib/sysmaster)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINKS})
  target_compile_options(${name} PRIVATE -fPIE)
  install(TARGETS ${name} DESTINATION ${arg_DESTINATION} COMPONENT ${arg_COMPONENT})
endfunction()

# Tests are built by the target "tests", not by default: a package needs none of them.
add_custom_target(tests)
add_custom_target(fuzzers)

# house_test(LABEL NAME LINKS lib... SOURCES file... [TIMEOUT seconds] [SERIAL])
# A CUnit executable (test/unit/check.h); its ctest name is LABEL.NAME.
function(house_test label name)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "LINKS;SOURCES" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  set(target test-${label}-${name})
  add_executable(${target} EXCLUDE_FROM_ALL ${arg_SOURCES})
  add_dependencies(tests ${target})
  target_link_libraries(${target} PRIVATE ${arg_LINKS} cunit)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/test/unit)
  target_compile_definitions(${target} PRIVATE TEST_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
  house_add_test(${label} ${name} TIMEOUT ${arg_TIMEOUT} COMMAND ${target})
endfunction()

# house_add_test(LABEL NAME COMMAND cmd... [TIMEOUT seconds]): any other test; exit status 77 is a skip.
function(house_add_test label name)
  cmake_parse_arguments(arg "" "TIMEOUT" "COMMAND" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_test(NAME ${label}.${name} COMMAND ${arg_COMMAND})
  set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT ${arg_TIMEOUT}
    SKIP_RETURN_CODE 77)
endfunction()

# house_fuzzer(NAME LINKS lib... SOURCES file...)
# libFuzzer where BUILD_FUZZERS is on; else a program that replays its corpus, test/fuzz/corpus/NAME, as a unit test.
function(house_fuzzer name)
  cmake_parse_arguments(arg "" "" "LINKS;SOURCES" ${ARGN})
  set(corpus ${PROJECT_SOURCE_DIR}/test/fuzz/corpus/${name})
  add_executable(fuzz-${name} EXCLUDE_FROM_ALL ${arg_SOURCES})
  add_dependencies(tests fuzz-${name})
  add_dependencies(fuzzers fuzz-${name})
  target_link_libraries(fuzz-${name} PRIVATE ${arg_LINKS})
  if(BUILD_FUZZERS)
    target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz-${name} PRIVATE ${PROJECT_SOURCE_DIR}/test/fuzz/replay.c)
    house_add_test(fuzz ${name} COMMAND fuzz-${name} ${corpus})
  endif()
endfunction()

# house_pkg(TARGET module...): an imported target for pkg-config modules.
function(house_pkg target)
  pkg_check_modules(${target} REQUIRED IMPORTED_TARGET GLOBAL ${ARGN})
  add_library(${target} ALIAS PkgConfig::${target})
endfunction()

# house_description(INTERFACE SYMBOL OUTPUT): core/api/org.sysmaster.INTERFACE.varlink as a C string, for introspection.
function(house_description interface symbol output)
  set(file ${PROJECT_SOURCE_DIR}/core/api/org.sysmaster.${interface}.varlink)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(READ ${file} content)
  string(REPLACE "\\" "\\\\" content "${content}")
  string(REPLACE "\"" "\\\"" content "${content}")
  string(REPLACE "\n" "\\n\"\n\t\"" content "${content}")
  file(CONFIGURE OUTPUT ${output} CONTENT
    "// SPDX-License-Identifier: Apache-2.0\nextern const char ${symbol}[];\nconst char ${symbol}[] =\n\t\"${content}\";\n" @ONLY)
endfunction()

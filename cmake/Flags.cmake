# SPDX-License-Identifier: Apache-2.0
# One set of warnings and hardening for every target. A flag the compiler lacks is left out (clang 14 knows fewer).
include(CheckCCompilerFlag)

set(warnings
  -Wall -Wextra -Wshadow -Wundef -Wvla -Wpointer-arith -Wwrite-strings -Wstrict-prototypes
  -Wold-style-definition -Wimplicit-fallthrough -Wlogical-op -Wdate-time -Wformat=2
  -Wno-missing-field-initializers -Wno-clobbered
  -Werror=return-type -Werror=implicit-function-declaration -Werror=incompatible-pointer-types
  -Werror=int-conversion -Werror=missing-prototypes -Werror=missing-declarations
  -Werror=override-init -Werror=shift-overflow=2)
if(WERROR)
  list(APPEND warnings -Werror)
endif()

set(hardening -fstack-protector-strong -fno-common -fvisibility=hidden -fstack-clash-protection
  -ffunction-sections -fdata-sections -fno-strict-aliasing -funwind-tables)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  list(APPEND hardening -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ftrivial-auto-var-init=zero)
endif()
if(ANALYZE)
  list(APPEND warnings -fanalyzer)
endif()

foreach(flag IN LISTS warnings hardening)
  string(MAKE_C_IDENTIFIER "have${flag}" have)
  check_c_compiler_flag("${flag}" ${have})
  if(${have})
    add_compile_options(${flag})
  endif()
endforeach()
add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed)

if(SANITIZE)
  add_compile_options(-fsanitize=${SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${SANITIZE})
endif()
if(COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()

# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT: each of FILES as "static const unsigned char embedded_NAME[]", NAME with "_" for ".".
set(text "// Made by web/embed.cmake\n")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  string(REPLACE "." "_" name ${name})
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n"
    bytes "${bytes}")
  string(APPEND text "static const unsigned char embedded_${name}[] = {\n${bytes}};\n")
endforeach()
file(WRITE ${OUTPUT} "${text}")

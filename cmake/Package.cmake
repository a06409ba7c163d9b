# SPDX-License-Identifier: Apache-2.0
# What installing does beyond the rooms' own programs, and the Debian packages: sysmaster, which takes systemd-sysv's
# place as the owner of /sbin/init, and sysmaster-fleetctl for controllers. Included last by the top level.

# Debian's tools look for these names in /sbin, and dpkg knows an owner by the exact path, so they are not /usr/sbin.
set(links ${PROJECT_BINARY_DIR}/package-links)
file(MAKE_DIRECTORY ${links})
if(TARGET init)
  file(CREATE_LINK /usr/lib/sysmaster/init ${links}/init SYMBOLIC)
  install(FILES ${links}/init DESTINATION /sbin)
endif()
if(TARGET sctl)
  foreach(name poweroff reboot halt shutdown telinit runlevel)
    file(CREATE_LINK /usr/bin/sctl ${links}/${name} SYMBOLIC)
    install(FILES ${links}/${name} DESTINATION /sbin)
  endforeach()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sysmaster)
set(CPACK_PACKAGE_VERSION ${SYSMASTER_VERSION})
set(CPACK_PACKAGE_CONTACT "sysmaster maintainers <sysmaster@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "init system for virtual machines, bare metal and containers")
# Absolute destinations (/sbin, /lib) are kept as they are; relative ones are below /usr.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)

# Rooms install without naming a component, which CMake calls Unspecified; fleetctl has one of its own.
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL Unspecified)
get_cmake_property(components COMPONENTS)
if("sysmaster-fleetctl" IN_LIST components)
  list(APPEND CPACK_COMPONENTS_ALL sysmaster-fleetctl)
endif()

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_NAME sysmaster)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_PROVIDES systemd-sysv)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_CONFLICTS systemd-sysv)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_REPLACES systemd-sysv)
set(CPACK_DEBIAN_SYSMASTER-FLEETCTL_PACKAGE_NAME sysmaster-fleetctl)
set(CPACK_DEBIAN_SYSMASTER-FLEETCTL_DESCRIPTION "controller and command line for fleets of sysmaster machines")
include(CPack)

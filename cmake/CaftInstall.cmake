# cmake --install gives bin/caft, the libraries, the headers and find_package(caft).
include(CMakePackageConfigHelpers)
install(TARGETS caft EXPORT caftTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS caft_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/caft DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(DIRECTORY python/ DESTINATION ${CMAKE_INSTALL_DATADIR}/caft/python FILES_MATCHING PATTERN "*.py")
install(EXPORT caftTargets NAMESPACE caft:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/caft)
configure_package_config_file(cmake/caftConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/caftConfig.cmake"
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/caft)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/caftConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/caftConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/caftConfigVersion.cmake"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/caft)

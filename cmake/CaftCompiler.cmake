# Warnings, sanitizers, ccache.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(CAFT_CCACHE ccache)
if(CAFT_CCACHE)
  # Precompiled headers are cached only when ccache may trust their time stamps and defines. Paths
  # below the source folder are hashed relative to the build folder, so that all build folders and
  # all checkouts share results.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_NOHASHDIR=1 "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" "${CAFT_CCACHE}")
endif()

add_library(caft_options INTERFACE)
target_compile_definitions(caft_options INTERFACE CAFT_VERSION="${PROJECT_VERSION}")
target_compile_options(caft_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wnon-virtual-dtor>
  $<$<COMPILE_LANGUAGE:CXX>:-Wno-missing-field-initializers>)  # designated initialisers leave the rest to its defaults
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(caft_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
if(CAFT_SANITIZE)
  target_compile_options(caft_options INTERFACE -fsanitize=${CAFT_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(caft_options INTERFACE -fsanitize=${CAFT_SANITIZE})
endif()

# Third-party libraries. All come from Debian's packages but OpenVINO, which the Python environment
# carries as a wheel with headers and libraries (scripts/setup.sh installs both kinds).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(Protobuf REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)

if(NOT CAFT_PYTHON)
  if(EXISTS "${CMAKE_SOURCE_DIR}/.venv/bin/python")
    set(CAFT_PYTHON "${CMAKE_SOURCE_DIR}/.venv/bin/python" CACHE FILEPATH "" FORCE)
  else()
    message(FATAL_ERROR "No Python environment: run scripts/setup.sh, or set CAFT_PYTHON to a Python "
                        "that has openvino, torch and onnx")
  endif()
endif()

# The interpreter tells where OpenVINO's wheel lies.
execute_process(COMMAND "${CAFT_PYTHON}" -c
  "import importlib.util as u; s=u.find_spec('openvino'); print(s.submodule_search_locations[0] if s else '')"
  OUTPUT_VARIABLE CAFT_OPENVINO_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(CAFT_OPENVINO_ROOT AND EXISTS "${CAFT_OPENVINO_ROOT}/cmake/OpenVINOConfig.cmake")
  find_package(OpenVINO CONFIG REQUIRED PATHS "${CAFT_OPENVINO_ROOT}/cmake" NO_DEFAULT_PATH)
endif()

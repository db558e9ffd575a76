# Finds TensorRT 10 or 11: TENSORRT_DIR (variable or environment: the folder that holds include/ and
# lib/), else where a system package puts it.
#
# Gives TensorRT::nvinfer, TensorRT::nvonnxparser and TensorRT_FOUND, TensorRT_VERSION (the headers').
set(_tensorrt_root "${TENSORRT_DIR}")
if(NOT _tensorrt_root)
  set(_tensorrt_root "$ENV{TENSORRT_DIR}")
endif()
if(_tensorrt_root)
  set(_tensorrt_where PATHS "${_tensorrt_root}" NO_DEFAULT_PATH)
else()
  set(_tensorrt_where "")
endif()
# Never cached: another TENSORRT_DIR in the same build folder must take effect.
foreach(variable INCLUDE_DIR nvinfer_LIBRARY nvonnxparser_LIBRARY)
  unset(_tensorrt_${variable} CACHE)
endforeach()
find_path(_tensorrt_INCLUDE_DIR NvInfer.h ${_tensorrt_where}
  PATH_SUFFIXES include ${CMAKE_LIBRARY_ARCHITECTURE} include/${CMAKE_LIBRARY_ARCHITECTURE})
foreach(library nvinfer nvonnxparser)
  find_library(_tensorrt_${library}_LIBRARY ${library} ${_tensorrt_where}
    PATH_SUFFIXES lib lib64 targets/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu/lib)
endforeach()

set(TensorRT_VERSION "")
if(_tensorrt_INCLUDE_DIR)
  # NV_TENSORRT_MAJOR 10, or since 10.12 or so NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE.
  file(STRINGS "${_tensorrt_INCLUDE_DIR}/NvInferVersion.h" _tensorrt_lines
       REGEX "define +(NV_TENSORRT|TRT)_(MAJOR|MINOR|PATCH)(_ENTERPRISE)? +[0-9]+")
  foreach(part MAJOR MINOR PATCH)
    string(REGEX MATCH "_${part}(_ENTERPRISE)? +([0-9]+)" _tensorrt_match "${_tensorrt_lines}")
    list(APPEND _tensorrt_parts "${CMAKE_MATCH_2}")
  endforeach()
  list(JOIN _tensorrt_parts "." TensorRT_VERSION)
  unset(_tensorrt_parts)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TensorRT
  REQUIRED_VARS _tensorrt_nvinfer_LIBRARY _tensorrt_nvonnxparser_LIBRARY _tensorrt_INCLUDE_DIR
  VERSION_VAR TensorRT_VERSION
  REASON_FAILURE_MESSAGE "set TENSORRT_DIR to the folder that holds TensorRT's include/ and lib/")

if(TensorRT_FOUND)
  foreach(library nvinfer nvonnxparser)
    if(NOT TARGET TensorRT::${library})
      add_library(TensorRT::${library} UNKNOWN IMPORTED)
      set_target_properties(TensorRT::${library} PROPERTIES
        IMPORTED_LOCATION "${_tensorrt_${library}_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${_tensorrt_INCLUDE_DIR}")
    endif()
  endforeach()
endif()

# Finds LibTorch: CAFT_TORCH (variable or environment) names a LibTorch distribution or a PyPI torch
# package (…/site-packages/torch); without it, a system package such as Debian's libtorch-dev.
#
# LibTorch's own find_package(Torch) asks for a CUDA toolkit wherever torch was built with CUDA, as
# PyPI's is. What caft needs is the headers and two libraries, so this links those directly.
#
# Gives the imported target CaftTorch::libtorch and CaftTorch_FOUND, CaftTorch_VERSION,
# CaftTorch_ROOT_DIR (empty for a system package), CaftTorch_CUDA (whether libtorch_cuda is there).
set(_caft_torch_root "${CAFT_TORCH}")
if(NOT _caft_torch_root)
  set(_caft_torch_root "$ENV{CAFT_TORCH}")
endif()
set(CaftTorch_ROOT_DIR "${_caft_torch_root}")

if(_caft_torch_root)
  set(_caft_torch_where PATHS "${_caft_torch_root}" NO_DEFAULT_PATH)
else()
  set(_caft_torch_where "")
endif()
# Never cached: another CAFT_TORCH in the same build folder must take effect.
foreach(variable API_DIR BASE_DIR CPU_LIBRARY C10_LIBRARY CUDA_LIBRARY)
  unset(_caft_torch_${variable} CACHE)
endforeach()
find_path(_caft_torch_API_DIR torch/torch.h
  ${_caft_torch_where} PATH_SUFFIXES include/torch/csrc/api/include torch/csrc/api/include)
find_path(_caft_torch_BASE_DIR ATen/ATen.h ${_caft_torch_where} PATH_SUFFIXES include)
find_library(_caft_torch_CPU_LIBRARY torch_cpu ${_caft_torch_where} PATH_SUFFIXES lib)
find_library(_caft_torch_C10_LIBRARY c10 ${_caft_torch_where} PATH_SUFFIXES lib)
find_library(_caft_torch_CUDA_LIBRARY torch_cuda ${_caft_torch_where} PATH_SUFFIXES lib)

set(_caft_torch_problem "")
if(_caft_torch_C10_LIBRARY)
  # libcaft hands std::string across, so both must have the C++11 layout of it.
  file(STRINGS "${_caft_torch_C10_LIBRARY}" _caft_torch_cxx11 LIMIT_COUNT 1 REGEX "_ZN3c10.*7__cxx1112basic_string")
  if(NOT _caft_torch_cxx11)
    set(_caft_torch_problem "it was built with _GLIBCXX_USE_CXX11_ABI=0: take the cxx11-abi build")
    unset(_caft_torch_C10_LIBRARY CACHE)
  endif()
endif()

set(CaftTorch_VERSION "")
foreach(header torch/headeronly/version.h torch/version.h)
  foreach(folder "${_caft_torch_BASE_DIR}" "${_caft_torch_API_DIR}")
    if(NOT CaftTorch_VERSION AND EXISTS "${folder}/${header}")
      file(STRINGS "${folder}/${header}" _caft_torch_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
      string(REGEX MATCHALL "[0-9]+" _caft_torch_numbers "${_caft_torch_lines}")
      list(JOIN _caft_torch_numbers "." CaftTorch_VERSION)
    endif()
  endforeach()
endforeach()
if(_caft_torch_CUDA_LIBRARY)
  set(CaftTorch_CUDA TRUE)
else()
  set(CaftTorch_CUDA FALSE)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CaftTorch
  REQUIRED_VARS _caft_torch_CPU_LIBRARY _caft_torch_C10_LIBRARY _caft_torch_API_DIR _caft_torch_BASE_DIR
  VERSION_VAR CaftTorch_VERSION
  REASON_FAILURE_MESSAGE "${_caft_torch_problem}")

if(CaftTorch_FOUND AND NOT TARGET CaftTorch::libtorch)
  add_library(CaftTorch::libtorch INTERFACE IMPORTED)
  # An imported target's folders are system folders: LibTorch's warnings are not ours.
  set_target_properties(CaftTorch::libtorch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_caft_torch_API_DIR};${_caft_torch_BASE_DIR}"
    INTERFACE_LINK_LIBRARIES "${_caft_torch_CPU_LIBRARY};${_caft_torch_C10_LIBRARY}")
endif()

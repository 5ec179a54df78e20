# The small form of a layer, estiba_small::<name>: built for size against musl, without exceptions and type information.
# For the static programs of which there is one for each container or command, estiba-oci and estiba-monitor; why:
# docs/adr/0009. Sanitizers need glibc: their builds have no small forms, and those programs use the ordinary ones.
set(ESTIBA_SMALL OFF)
if(NOT ESTIBA_SANITIZE)
  set(ESTIBA_SMALL ON)
  string(REPLACE "-gnu" "-musl" musl "${CMAKE_LIBRARY_ARCHITECTURE}")
  find_file(MUSL_START rcrt1.o PATHS /usr/lib/${musl} NO_DEFAULT_PATH)
  if(NOT MUSL_START)
    message(FATAL_ERROR "musl is not installed (Debian: musl-dev)")
  endif()
  cmake_path(GET MUSL_START PARENT_PATH musl_lib)

  # Headers from elsewhere: the kernel's, and what is headers only. /usr/include itself has glibc's.
  set(others ${CMAKE_BINARY_DIR}/musl-include)
  file(MAKE_DIRECTORY ${others})
  find_path(BOOST_HEADERS boost/json.hpp REQUIRED)
  find_path(KERNEL_HEADERS linux/openat2.h REQUIRED)
  find_path(KERNEL_ASM_HEADERS asm/unistd.h REQUIRED)
  file(CREATE_LINK ${BOOST_HEADERS}/boost ${others}/boost SYMBOLIC)
  file(CREATE_LINK ${KERNEL_HEADERS}/linux ${others}/linux SYMBOLIC)
  file(CREATE_LINK ${KERNEL_HEADERS}/asm-generic ${others}/asm-generic SYMBOLIC)
  file(CREATE_LINK ${KERNEL_ASM_HEADERS}/asm ${others}/asm SYMBOLIC)

  set(cxx_headers ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
  list(FILTER cxx_headers INCLUDE REGEX "/c\\+\\+/")
  set(compiler_headers ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES})
  list(FILTER compiler_headers INCLUDE REGEX "/lib/(gcc|clang|llvm).*/include$")
  add_library(estiba_small_flags INTERFACE)
  target_compile_options(estiba_small_flags INTERFACE -nostdinc -nostdinc++)
  foreach(folder ${CMAKE_SOURCE_DIR}/cmake/musl ${cxx_headers} /usr/include/${musl} ${compiler_headers} ${others})
    target_compile_options(estiba_small_flags INTERFACE "SHELL:-isystem ${folder}")
  endforeach()
  set(ESTIBA_SMALL_CODE -fno-exceptions -fno-asynchronous-unwind-tables -fno-unwind-tables $<$<CONFIG:Release>:-Os>)
  # The code is made when a program is linked, and a tenth less of it.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release")
    list(APPEND ESTIBA_SMALL_CODE -flto=auto)
    set(CMAKE_AR ${CMAKE_CXX_COMPILER_AR})
    set(CMAKE_RANLIB ${CMAKE_CXX_COMPILER_RANLIB})
  endif()
  target_compile_options(estiba_small_flags INTERFACE ${ESTIBA_SMALL_CODE} -fno-rtti -fno-threadsafe-statics)

  # Libraries of their own for CMake, so that they come after every layer that needs them.
  add_library(estiba_musl STATIC IMPORTED)
  set_target_properties(estiba_musl PROPERTIES IMPORTED_LOCATION ${musl_lib}/libc.a)
  foreach(library libgcc libstdc++)
    execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=${library}.a OUTPUT_VARIABLE file
      OUTPUT_STRIP_TRAILING_WHITESPACE)
    add_library(estiba_${library} STATIC IMPORTED)
    set_target_properties(estiba_${library} PROPERTIES IMPORTED_LOCATION ${file})
    target_link_libraries(estiba_${library} INTERFACE estiba_musl)
  endforeach()
  target_link_libraries(estiba_small_flags INTERFACE estiba_libstdc++ estiba_libgcc estiba_musl)
endif()

# estiba_link_small(<program> <layer>...)
function(estiba_link_small program)
  list(TRANSFORM ARGN PREPEND estiba_small:: OUTPUT_VARIABLE layers)
  target_sources(${program} PRIVATE ${CMAKE_SOURCE_DIR}/bin/small/failures.cc ${CMAKE_SOURCE_DIR}/bin/small/memory.cc)
  target_compile_options(${program} PRIVATE -fPIE)
  target_link_options(${program} PRIVATE -nostdlib -static-pie ${ESTIBA_SMALL_CODE})
  target_link_libraries(${program} PRIVATE ${MUSL_START} ${musl_lib}/crti.o ${musl_lib}/crtn.o ${layers}
    estiba_flags estiba_small_flags)
endfunction()

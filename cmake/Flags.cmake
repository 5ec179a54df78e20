# Flags every target of ours is compiled with. Assertions stay on in every build (no NDEBUG).
add_library(estiba_flags INTERFACE)
target_compile_options(estiba_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wundef
  -fstack-protector-strong -fno-plt
  )
# Errors for who works on Estiba, not for who installs it: another compiler warns of other things.
if(ESTIBA_TESTS)
  target_compile_options(estiba_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees strings of more than half the address space, and bytes past their end, in its own <string>, depending on
  # what it inlines.
  target_compile_options(estiba_flags INTERFACE -Wno-stringop-overread -Wno-array-bounds)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12's std::stable_sort uses what C++23 deprecates; of our own code g++ tells.
  target_compile_options(estiba_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES ccache)
  # Several checkouts share one cache: nothing that names the checkout may be in the command line.
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
else()
  # The same bytes from any checkout folder.
  target_compile_options(estiba_flags INTERFACE
    -ffile-prefix-map=${CMAKE_BINARY_DIR}=build -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
endif()
target_compile_definitions(estiba_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(estiba_flags INTERFACE _FORTIFY_SOURCE=2)
endif()
# --as-needed: a program is linked with the shared libraries it uses, not with all its layers name.
target_link_options(estiba_flags INTERFACE -Wl,--as-needed -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections)
target_compile_options(estiba_flags INTERFACE -ffunction-sections -fdata-sections)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")

if(ESTIBA_SANITIZE)
  add_library(estiba_sanitize INTERFACE)
  target_compile_options(estiba_sanitize INTERFACE
    -fsanitize=${ESTIBA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(estiba_sanitize INTERFACE -fsanitize=${ESTIBA_SANITIZE})
  if(ESTIBA_FUZZ)  # the coverage that libFuzzer steers by, and enough speed to get somewhere
    target_compile_options(estiba_sanitize INTERFACE -fsanitize=fuzzer-no-link -O1)
  endif()
  target_link_libraries(estiba_flags INTERFACE estiba_sanitize)
endif()

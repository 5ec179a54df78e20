# estiba_program(<name> [STATIC|WHOLE] [LIBEXEC] SOURCES ... DEPS ... [EXTERNAL ...])
# STATIC: links nothing at run time, from the layers' small forms (not under sanitizers, which need the dynamic loader).
# WHOLE: has its libraries in it, glibc too, for it starts often and loading them takes longer than what it does. For
# programs that ask nothing of NSS or dlopen(3), which a static glibc has not. As STATIC under sanitizers.
# LIBEXEC: installed where only our own programs look, <libexec>/estiba.
function(estiba_program name)
  cmake_parse_arguments(P "STATIC;WHOLE;LIBEXEC" "" "SOURCES;DEPS;EXTERNAL" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  if(P_STATIC AND ESTIBA_SMALL)
    estiba_link_small(${name} ${P_DEPS})
  else()
    list(TRANSFORM P_DEPS PREPEND estiba::)
    target_link_libraries(${name} PRIVATE ${P_DEPS} ${P_EXTERNAL} estiba_flags)
    target_link_options(${name} PRIVATE $<IF:$<AND:$<BOOL:${P_WHOLE}>,$<BOOL:${ESTIBA_SMALL}>>,-static-pie,-pie>)
  endif()
  if(P_LIBEXEC)
    install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/estiba)
  else()
    install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

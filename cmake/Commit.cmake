# Writes OUTPUT: the commit that is built, or "" outside of the repository.
execute_process(COMMAND git rev-parse --short=12 HEAD OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET)
file(WRITE ${OUTPUT} "extern const char kEstibaCommit[];\nconst char kEstibaCommit[] = \"${commit}\";\n")

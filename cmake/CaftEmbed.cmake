# caft_embed(TARGET NAME FILE): makes FILE's bytes available to TARGET as
#   extern "C" const unsigned char caft_NAME_begin[], caft_NAME_end[];
# through the assembler's .incbin, which costs no compile time whatever the size.
enable_language(ASM)
function(caft_embed target name file)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/embed_${name}.S")
  file(WRITE "${out}.in" "
    .section .rodata
    .global caft_${name}_begin
    .global caft_${name}_end
    .balign 16
caft_${name}_begin:
    .incbin \"${file}\"
caft_${name}_end:
    .byte 0
    .section .note.GNU-stack,\"\",%progbits
")
  file(COPY_FILE "${out}.in" "${out}" ONLY_IF_DIFFERENT)
  set_source_files_properties("${out}" TARGET_DIRECTORY ${target} PROPERTIES OBJECT_DEPENDS "${file}")
  target_sources(${target} PRIVATE "${out}")
endfunction()

# Which format of voice files the core reads, and which one a file has: "" where it is no such file.
function(read_core_format repository format)
    file(STRINGS ${repository}/live/core/voice_file.cpp line REGEX "format_version = [0-9]+")
    string(REGEX REPLACE ".*format_version = ([0-9]+).*" "\\1" line "${line}")
    set(${format} "${line}" PARENT_SCOPE)
endfunction()

function(read_file_format file format)
    set(found "")
    if(EXISTS "${file}" AND NOT IS_DIRECTORY "${file}")
        file(READ "${file}" head LIMIT 9 HEX)
        # Eight letters, VIOLIVE and a line's end, then the format, little-endian.
        if(head MATCHES "^56494f4c4956450a(..)$")
            math(EXPR found "0x${CMAKE_MATCH_1}")
        endif()
    endif()
    set(${format} "${found}" PARENT_SCOPE)
endfunction()

# What CMake must know to compile for s390x with the Swift toolchain in SWIFT_TOOLCHAIN; its clang finds the
# headers and the linker of Debian's cross gcc by itself.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SWIFT_TOOLCHAIN)
set(CMAKE_C_COMPILER ${SWIFT_TOOLCHAIN}/bin/clang)
set(CMAKE_CXX_COMPILER ${SWIFT_TOOLCHAIN}/bin/clang++)
set(CMAKE_Swift_COMPILER ${SWIFT_TOOLCHAIN}/bin/swiftc)
set(CMAKE_C_COMPILER_TARGET s390x-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET s390x-linux-gnu)
set(CMAKE_Swift_COMPILER_TARGET s390x-unknown-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)

import CLinux

/// A program that the kernel runs for each message to a socket, to pass or to drop it (classic BPF,
/// linux/filter.h).
package struct SocketFilter {
  private(set) var instructions: [apreserve_filter_instruction] = []

  private enum Code {
    static let loadByte: UInt16 = 0x30  // BPF_LD | BPF_B | BPF_ABS
    static let loadWordAtIndex: UInt16 = 0x40  // BPF_LD | BPF_W | BPF_IND
    static let loadHalfAtIndex: UInt16 = 0x48  // BPF_LD | BPF_H | BPF_IND
    static let loadByteAtIndex: UInt16 = 0x50  // BPF_LD | BPF_B | BPF_IND
    static let setIndex: UInt16 = 0x01  // BPF_LDX | BPF_IMM
    static let jump: UInt16 = 0x05  // BPF_JMP | BPF_JA
    static let jumpIfEqual: UInt16 = 0x15  // BPF_JMP | BPF_JEQ | BPF_K
    static let answer: UInt16 = 0x06  // BPF_RET | BPF_K
  }

  /// A filter that passes uevents of devices at these paths and below.
  ///
  /// A message begins with `action@devpath` and a NUL (SimulatedBus documentation, "Messages"). Paths match whole names:
  /// `/module/ap` does not match `/module/apparmor`. A load from beyond the end of a message drops it, so
  /// no length is checked.
  package init(paths: [String]) {
    findPath()
    for path in paths { pass(ifAtOrBelow: Array(path.utf8)) }
    append(Code.answer, 0)
  }

  /// Puts the offset of the path into the index register. The names of the kernel's actions have 3, 4, 6 or
  /// 7 characters; the `@` at the first of these offsets is the end of the action.
  private mutating func findPath() {
    let lengths: [UInt32] = [3, 4, 6, 7]
    for (position, length) in lengths.enumerated() {
      append(Code.loadByte, length)
      append(Code.jumpIfEqual, UInt32(UInt8(ascii: "@")), ifTrue: 0, ifFalse: 2)
      append(Code.setIndex, length + 1)
      // Four instructions for each remaining length follow, and the drop.
      append(Code.jump, UInt32(4 * (lengths.count - position - 1) + 1))
    }
    append(Code.answer, 0)
  }

  /// Passes the message if its path begins with this one and then ends or continues with a slash.
  private mutating func pass(ifAtOrBelow path: [UInt8]) {
    var mismatches: [Int] = []
    var offset = 0
    while offset < path.count {
      let rest = path.count - offset
      let (code, size) =
        rest >= 4
        ? (Code.loadWordAtIndex, 4)
        : rest >= 2 ? (Code.loadHalfAtIndex, 2) : (Code.loadByteAtIndex, 1)
      // Loads are in network byte order on every machine.
      let value = path[offset..<offset + size].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      append(code, UInt32(offset))
      mismatches.append(instructions.count)
      append(Code.jumpIfEqual, value)
      offset += size
    }
    append(Code.loadByteAtIndex, UInt32(path.count))
    append(Code.jumpIfEqual, 0, ifTrue: 1, ifFalse: 0)
    mismatches.append(instructions.count)
    append(Code.jumpIfEqual, UInt32(UInt8(ascii: "/")))
    append(Code.answer, .max)
    for index in mismatches {
      instructions[index].jump_if_false = UInt8(instructions.count - index - 1)
    }
  }

  private mutating func append(
    _ code: UInt16, _ operand: UInt32, ifTrue: UInt8 = 0, ifFalse: UInt8 = 0
  ) {
    instructions.append(
      apreserve_filter_instruction(
        code: code, jump_if_true: ifTrue, jump_if_false: ifFalse, operand: operand))
  }

  package func attach(to socket: Int32) throws(UdevMonitorError) {
    let result = apreserve_attach_filter(socket, instructions, UInt16(instructions.count))
    guard result == 0 else {
      throw UdevMonitorError("filtering the kernel's uevents", errno: -result)
    }
  }
}

extension SocketFilter {
  /// Passes the uevents that can matter to a reservation. INITSCAN, BINDINGS and mask events have the path
  /// `/devices/ap` itself.
  package static let adjunctProcessor = SocketFilter(paths: [
    "/devices/ap", "/bus/ap", "/devices/vfio_ap", "/module/ap", "/module/zcrypt_cex4",
    "/module/vfio_ap",
  ])
}

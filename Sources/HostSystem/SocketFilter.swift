import CLinux

/// A program that the kernel runs on each message for a socket, and that lets it pass or drops it
/// (classic BPF, linux/filter.h).
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

  /// Lets pass the kernel's messages about one of these places, or about something below one.
  ///
  /// A message begins with `action@devpath` and a NUL (SimulatedBus documentation, "Messages"). A place
  /// ends at its own last character: `/module/ap` does not let `/module/apparmor` pass. A load from
  /// behind the end of a message drops it, so that no length need be checked.
  package init(places: [String]) {
    findPath()
    for place in places { passIfPath(isAtOrBelow: Array(place.utf8)) }
    append(Code.answer, 0)
  }

  /// Leaves the path's place in the index register. The kernel's actions are 3, 4, 6 or 7 characters
  /// long, and the first of these places that has an `@` is the end of the action.
  private mutating func findPath() {
    let lengths: [UInt32] = [3, 4, 6, 7]
    for (position, length) in lengths.enumerated() {
      append(Code.loadByte, length)
      append(Code.jumpIfEqual, UInt32(UInt8(ascii: "@")), ifTrue: 0, ifFalse: 2)
      append(Code.setIndex, length + 1)
      // Behind this one come four instructions for each length that is left, and the drop.
      append(Code.jump, UInt32(4 * (lengths.count - position - 1) + 1))
    }
    append(Code.answer, 0)
  }

  /// Lets the message pass if its path has this beginning and then ends or has a slash.
  private mutating func passIfPath(isAtOrBelow place: [UInt8]) {
    var mismatches: [Int] = []
    var offset = 0
    while offset < place.count {
      let rest = place.count - offset
      let (code, size) =
        rest >= 4
        ? (Code.loadWordAtIndex, 4)
        : rest >= 2 ? (Code.loadHalfAtIndex, 2) : (Code.loadByteAtIndex, 1)
      // Loads are in network byte order on every machine.
      let value = place[offset..<offset + size].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      append(code, UInt32(offset))
      mismatches.append(instructions.count)
      append(Code.jumpIfEqual, value)
      offset += size
    }
    append(Code.loadByteAtIndex, UInt32(place.count))
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

  /// Puts the filter before a socket.
  package func attach(to socket: Int32) throws(UdevMonitorError) {
    let result = apreserve_attach_filter(socket, instructions, UInt16(instructions.count))
    guard result == 0 else {
      throw UdevMonitorError("filtering the kernel's uevents", errno: -result)
    }
  }
}

extension SocketFilter {
  /// Lets pass what can matter to a reservation: INITSCAN, BINDINGS and mask events come from
  /// `/devices/ap` itself.
  package static let adjunctProcessor = SocketFilter(places: [
    "/devices/ap", "/bus/ap", "/devices/vfio_ap", "/module/ap", "/module/zcrypt_cex4",
    "/module/vfio_ap",
  ])
}

import Glibc
import TestSupport
import Testing

/// The usual ways to depend on byte order, word length or another property of one architecture. The
/// users' machines have the other order; what is compiled for them is checked by `make check-s390x`.
@Suite struct `The sources` {
  /// A way of writing that gives something else elsewhere.
  struct Offender: CustomTestStringConvertible {
    var text: String
    var instead: String
    var testDescription: String { text }
  }

  static let inSwift = [
    Offender(text: "loadUnaligned(", instead: "put the number together from its bytes"),
    Offender(text: ".load(fromByteOffset", instead: "put the number together from its bytes"),
    Offender(text: "storeBytes(", instead: "take the bytes out of the number by shifting"),
    Offender(text: "unsafeBitCast(", instead: "convert values"),
    Offender(text: "assumingMemoryBound(to: UInt", instead: "read bytes"),
    Offender(text: "bindMemory(to: UInt", instead: "read bytes"),
    Offender(text: "Float80", instead: "use Double"),
    Offender(text: "CLongDouble", instead: "call no C function that takes one"),
    Offender(text: "import Foundation\n", instead: "do without, or import FoundationEssentials"),
    Offender(text: "import Dispatch\n", instead: "use the event loop or a thread"),
    Offender(text: "String(data:", instead: "decode the bytes as UTF8"),
  ]

  static let inC = [
    Offender(text: "(uint16_t *)", instead: "use memcpy, and htobe16 or le16toh"),
    Offender(text: "(uint32_t *)", instead: "use memcpy, and htobe32 or le32toh"),
    Offender(text: "(uint64_t *)", instead: "use memcpy, and htobe64 or le64toh"),
    Offender(text: "unsigned long ", instead: "use a type of a fixed width"),
    Offender(text: "long double", instead: "use double"),
    Offender(text: "__x86_64__", instead: "ask for what is needed, not for a processor"),
    Offender(text: "BYTE_ORDER", instead: "use the functions of endian.h"),
  ]

  private static func files(below directory: String, _ endings: [String]) -> [String] {
    SourceFile.names(in: directory).flatMap { name -> [String] in
      let path = "\(directory)/\(name)"
      if endings.contains(where: name.hasSuffix) { return [path] }
      return name.contains(".") ? [] : files(below: path, endings)
    }
  }

  private func lines(of text: String, in files: [String]) throws -> [String] {
    try files.flatMap { file -> [String] in
      let bytes = try SourceFile.bytes(file)
      // Hundreds of files have none, and the C library sees that at once.
      let has = (bytes + [0]).withUnsafeBytes { buffer in
        buffer.baseAddress.map { strstr($0.assumingMemoryBound(to: CChar.self), text) != nil }
      }
      guard has == true else { return [] }
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      return lines.enumerated().compactMap { index, line in
        (String(decoding: line, as: UTF8.self) + "\n").contains(text) ? "\(file):\(index + 1)" : nil
      }
    }
  }

  @Test(arguments: inSwift) func `do not depend on an architecture in Swift`(offender: Offender)
    throws
  {
    let files = Self.files(below: "Sources", [".swift"])
    #expect(files.count > 100)
    let found = try lines(of: offender.text, in: files)
    #expect(found.isEmpty, "\(offender.text): \(offender.instead)")
  }

  @Test(arguments: inC) func `do not depend on an architecture in C`(offender: Offender) throws {
    let files = Self.files(below: "Sources", [".c", ".h"])
    #expect(files.count > 5)
    let found = try lines(of: offender.text, in: files)
    #expect(found.isEmpty, "\(offender.text): \(offender.instead)")
  }

  /// A branch for some processors leaves the others without.
  @Test func `have no branch by architecture`() throws {
    let files = Self.files(below: "Sources", [".swift"])
    let branches = try ["arch(", "_endian("].flatMap { try lines(of: "#if " + $0, in: files) }
    #expect(branches.isEmpty, "do without; nothing here needs one")
  }
}

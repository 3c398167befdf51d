/// The rules for a device's path as the kernel writes it.
enum DevicePath {
  /// Refuses a path that is not absolute, or could lead elsewhere than it seems to: a `DEVPATH` with
  /// `/../../etc` passes libudev (`device_new_from_nulstr`, systemd 252).
  static func check(_ path: String) throws(Uevent.Problem) {
    let bytes = path.utf8
    guard !bytes.contains(UInt8(ascii: "\n")) else { throw .newline(Quotation.of(bytes)) }
    guard bytes.first == UInt8(ascii: "/") else { throw .relativePath(Quotation.of(bytes)) }
    for part in bytes.dropFirst().split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    where part.isEmpty || part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8) {
      throw .unusualPath(Quotation.of(bytes))
    }
  }
}

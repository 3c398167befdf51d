/// A diagnostic before its place is known as line and column: about bytes of a logical line.
struct Fault {
  var code: DiagnosticCode
  var range: Range<Int>
  var message: String
  var fixes: [String] = []
}

extension Fault {
  /// The fault of the first invisible character among these bytes; nil where there is none.
  init?(invisibleIn bytes: [UInt8], _ range: Range<Int>) {
    guard let (place, number) = Printable.invisible(in: bytes, range) else { return nil }
    self.init(
      code: .invisibleCharacter, range: place,
      message: "here is \(number), a character that is not the blank it looks like; remove it, or "
        + "type a blank")
  }
}

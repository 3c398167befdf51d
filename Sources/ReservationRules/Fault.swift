/// A diagnostic before its place is known as line and column: about bytes of a logical line.
struct Fault {
  var code: DiagnosticCode
  var range: Range<Int>
  var message: String
  var fixes: [String] = []
}

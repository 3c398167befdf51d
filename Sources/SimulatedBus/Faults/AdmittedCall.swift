/// A call that has come in and been counted, with what goes wrong with it; it has not been done.
package struct AdmittedCall {
  /// The call.
  package let call: SysfsCall
  /// What goes wrong; nil for nothing.
  let effect: CallEffect?

  /// How long the call waits before it is done; nil if it does not.
  package var pause: Duration? {
    guard case .delay(let duration) = effect else { return nil }
    return duration
  }
}

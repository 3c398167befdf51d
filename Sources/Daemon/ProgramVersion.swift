/// The version of the program and of its daemon.
package enum ProgramVersion {
  /// As `apreserve --version` prints it.
  package static let text = "0.1.0"
}

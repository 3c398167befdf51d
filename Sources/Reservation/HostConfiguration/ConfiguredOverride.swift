package import APBus

/// An override that driverctl sets whenever the queue comes.
package struct ConfiguredOverride: Equatable, Sendable {
  /// The queue.
  package var apqn: APQN
  /// The driver that it is to have.
  package var driver: String
  /// The file that says so.
  package var source: String

  /// An override.
  package init(apqn: APQN, driver: String, source: String) {
    self.apqn = apqn
    self.driver = driver
    self.source = source
  }

  /// The file `ap-05.0004` of driverctl's directory, whose text is a driver's name; nil for a file
  /// of another bus or without a name.
  package init?(fileName: String, text: String, source: String) {
    guard fileName.hasPrefix("ap-"), let apqn = APQN(String(fileName.dropFirst(3))),
      let driver = text.split(whereSeparator: \.isWhitespace).first
    else { return nil }
    self.init(apqn: apqn, driver: String(driver), source: source)
  }
}

/// Why a file is no machine description: which file, where in it, and what to write instead.
package struct SnapshotError: Error, Equatable, Sendable {
  /// A place in the file.
  package enum Place: Equatable, Sendable {
    /// The file as a whole.
    case file
    /// A line and a column, from 1, where the text is not JSON.
    case position(line: Int, column: Int)
    /// A value, such as `cards[2].queues[0].name`.
    case value(String)
  }

  /// The file's name, as it was given.
  package var file: String
  /// Where in it.
  package var place: Place
  /// What is wrong there.
  package var message: String

  /// A fault at a place.
  package init(file: String, place: Place, message: String) {
    self.file = file
    self.place = place
    self.message = message
  }
}

extension SnapshotError: CustomStringConvertible {
  /// One line, such as `machine.json: cards[2].hwtype: 300 is not a number of 0 to 255`.
  package var description: String {
    switch place {
    case .file: "\(file): \(message)"
    case .position(let line, let column): "\(file):\(line):\(column): \(message)"
    case .value(let path): "\(file): \(path): \(message)"
    }
  }
}

/// A fault in a value, before the file's name is known.
struct ValueFault: Error {
  let path: String
  let message: String

  init(_ path: String, _ message: String) {
    self.path = path
    self.message = message
  }
}

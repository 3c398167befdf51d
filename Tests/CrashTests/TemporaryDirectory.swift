import Glibc

/// A directory that goes with the value's last owner.
final class TemporaryDirectory {
  private let path: String
  private var made: [String] = []

  init() throws {
    var template = Array("/tmp/apreserve-crash-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CallFailure(call: "mkdtemp", errno: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A directory in it.
  func make(_ name: String) throws -> String {
    let directory = path + "/" + name
    guard mkdir(directory, 0o700) == 0 else { throw CallFailure(call: "mkdir", errno: errno) }
    made.append(directory)
    return directory
  }

  deinit {
    for directory in made {
      for file in ["ownership", "ownership.new", "ownership.damaged"] {
        unlink(directory + "/" + file)
      }
      rmdir(directory)
    }
    rmdir(path)
  }
}

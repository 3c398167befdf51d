import Glibc

/// A program that was built together with the tests, and lies beside their own executable.
package enum BuiltProgram {
  /// A program that is not there.
  package struct Missing: Error {
    /// Its name.
    package let name: String
    /// The files in whose directories it was searched.
    package let places: [String]
  }

  /// The path of a program.
  package static func path(_ name: String) throws(Missing) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let own = String(
      decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    // Not always does the bundle of the tests run by itself: then its path is an argument.
    let places = [own] + CommandLine.arguments
    for place in places {
      guard let slash = place.lastIndex(of: "/") else { continue }
      let path = String(place[..<slash]) + "/" + name
      if access(path, X_OK) == 0 { return path }
    }
    throw Missing(name: name, places: places)
  }
}

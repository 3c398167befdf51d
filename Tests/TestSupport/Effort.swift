import Glibc

/// How many cases a test with endless cases tries: a bounded number by default, many more when
/// `APRESERVE_DEEP` is set (`make check-deep`), exactly as many as `APRESERVE_CASES` says.
package enum Effort {
  /// Whether the tests are to take hours rather than seconds.
  package static let isDeep = getenv("APRESERVE_DEEP") != nil

  /// How many cases to try.
  package static func cases(_ bounded: Int, deep: Int) -> Int {
    if let text = getenv("APRESERVE_CASES"), let count = Int(String(cString: text)) {
      return count
    }
    return isDeep ? deep : bounded
  }

  /// Tells how many cases were tried, where that is the point of the run.
  package static func tell(_ count: Int, _ what: String) {
    if isDeep { print("\(count) \(what)") }
  }
}

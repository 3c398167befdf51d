/// Finds the word that was probably meant.
package enum Spelling {
  /// The candidate that differs from `word` in fewest letters, if few enough: one in a short word, two
  /// from five letters on. Two neighbours in the wrong order count as one. Case does not count.
  package static func nearest(to word: String, among candidates: [String]) -> String? {
    let letters = word.unicodeScalars.prefix(33).map { Glob.lowerCase($0.value) }
    guard !letters.isEmpty, letters.count <= 32 else { return nil }
    let allowed = letters.count < 5 ? 1 : 2
    var best: (distance: Int, word: String)?
    for candidate in candidates {
      let other = candidate.unicodeScalars.map { Glob.lowerCase($0.value) }
      guard abs(other.count - letters.count) <= allowed else { continue }
      let distance = distance(letters, other)
      if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.word
  }

  private static func distance(_ left: [UInt32], _ right: [UInt32]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1]
      for column in right.indices {
        var cost = min(last[column + 1], current[column]) + 1
        cost = min(cost, last[column] + (left[row] == right[column] ? 0 : 1))
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          cost = min(cost, beforeLast[column - 1] + 1)
        }
        current.append(cost)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
